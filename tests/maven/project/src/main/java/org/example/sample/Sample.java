// SPDX-License-Identifier: Apache-2.0
package org.example.sample;

/** Says what it is. */
public final class Sample {
    private Sample() {}

    /** The text that it is known by. */
    public static String text() {
        return "a small library";
    }
}
