# SPDX-License-Identifier: Apache-2.0
"""Stand-in platforms for the demo and the tests. They speak real HTTP, keep real state, and fail on request.

Where what is: `world` holds the state and moves it by the clock; `validation` (with `bundle` and `pom`) judges an
upload; `public` is the public repository's files, `shelf` the versions on other registries; `portal`, `repository`,
`registries`, `pages` and `control` answer requests; `gate` stands in front of them, counts every request and applies
the `faults`; `knobs` change the world behind a client's back; `server` binds it all to 127.0.0.1. Another platform is
another blueprint beside `portal`, its endpoints in the one table in `endpoints`, so that faults and counters work for
it at once.
"""
