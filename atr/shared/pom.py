# SPDX-License-Identifier: Apache-2.0
"""Reads the parent from a POM. Pure: bytes in, coordinates out; no reference in it is fetched or expanded.

https://maven.apache.org/pom.html#inheritance
"""

from typing import Final
from xml.etree import ElementTree

import defusedxml
import defusedxml.ElementTree

import atr.errors as errors
import atr.shared.distribution as distribution

MAX_BYTES: Final = 4 * 1024 * 1024
_MAVEN: Final = distribution.DistributionPlatform.MAVEN


def parent(data: bytes) -> distribution.Coordinates | None:
    """Return the parent that a POM names; None if it names none.

    Raises InputError, with the end of a sentence, if this is not a POM or its parent cannot be looked up.
    """
    try:
        root = defusedxml.ElementTree.fromstring(data)
    except (ElementTree.ParseError, defusedxml.DefusedXmlException, ValueError, LookupError) as error:
        raise errors.InputError("cannot be read as XML") from error
    if _local(root) != "project":
        raise errors.InputError("is not a POM: its root element is not <project>")
    found = _child(root, "parent")
    if found is None:
        return None
    named = {name: _text(found, name) for name in ("groupId", "artifactId", "version")}
    missing = [name for name, text in named.items() if not text]
    if missing:
        raise errors.InputError(f"names a parent without {missing[0]}")
    variable = next((text for text in named.values() if "${" in text), "")
    if variable:
        raise errors.InputError(
            f"names its parent with the variable {variable[:80]}, which users of the POM cannot resolve. Replace it "
            "by its value, for example with the flatten-maven-plugin"
        )
    try:
        return distribution.coordinates(_MAVEN, named["groupId"], named["artifactId"], named["version"])
    except errors.InputError as error:
        raise errors.InputError(f"names no parent that can be looked up. {error}") from error


def _text(element: ElementTree.Element, name: str) -> str:
    found = _child(element, name)
    return "" if found is None else (found.text or "").strip()


def _child(element: ElementTree.Element, name: str) -> ElementTree.Element | None:
    return next((child for child in element if _local(child) == name), None)


def _local(element: ElementTree.Element) -> str:
    """Return the local name, because old POMs have no XML namespace; empty for a comment, whose tag is a function."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""
