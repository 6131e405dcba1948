# SPDX-License-Identifier: Apache-2.0
"""Read what Central requires from a POM. Pure: bytes in, values out."""

import dataclasses
import re
from collections.abc import Mapping
from typing import Final
from xml.etree import ElementTree

import defusedxml
import defusedxml.ElementTree

import atr.errors as errors

MAX_POM_BYTES: Final = 4 * 1024 * 1024

# The elements that a POM must have, and the platform's message if one is missing.
# https://central.sonatype.org/publish/requirements/#required-pom-metadata
REQUIRED: Final = (
    ("name", "Project name is missing"),
    ("description", "Project description is missing"),
    ("url", "Project URL is not defined"),
    ("licenses/license/name|licenses/license/url", "License information is missing"),
    ("scm/url", "SCM URL is not defined"),
    ("developers/developer", "Developers information is missing"),
)
_PROPERTY: Final = re.compile(r"\$\{([^${}]+)\}")


@dataclasses.dataclass(frozen=True)
class Pom:
    """The content of a POM. `missing` has the platform's message for each required element that is absent."""

    group: str
    artifact: str
    version: str
    packaging: str
    missing: tuple[str, ...]
    # Whether it only says that the artifact has other coordinates now.
    relocated: bool


def read(data: bytes) -> Pom:
    """Parse a POM. Of one with a parent nothing is required, because it may inherit everything from there.

    Raises InputError if it is not a POM, or defines entities.
    """
    if len(data) > MAX_POM_BYTES:
        raise errors.InputError(f"The POM is larger than {MAX_POM_BYTES} bytes")
    try:
        root = defusedxml.ElementTree.fromstring(data)
    except (ElementTree.ParseError, defusedxml.DefusedXmlException, ValueError, LookupError) as error:
        raise errors.InputError("The POM cannot be read as XML") from error
    if _local(root.tag) != "project":
        raise errors.InputError("The POM's root is not <project>")
    properties = _properties(root)
    parent = _find(root, "parent")
    missing = () if parent is not None else tuple(words for path, words in REQUIRED if not _has(root, path))
    return Pom(
        group=_text(root, "groupId", properties) or _text(root, "parent/groupId", properties),
        artifact=_text(root, "artifactId", properties),
        version=_text(root, "version", properties) or _text(root, "parent/version", properties),
        packaging=_text(root, "packaging", properties) or "jar",
        missing=missing,
        relocated=_find(root, "distributionManagement/relocation") is not None,
    )


def _properties(root: ElementTree.Element) -> dict[str, str]:
    found = _find(root, "properties")
    if found is None:
        return {}
    return {_local(child.tag): (child.text or "").strip() for child in found}


def _has(root: ElementTree.Element, alternatives: str) -> bool:
    for path in alternatives.split("|"):
        element = _find(root, path)
        if element is not None and ((element.text or "").strip() or len(element)):
            return True
    return False


def _text(root: ElementTree.Element, path: str, properties: Mapping[str, str]) -> str:
    element = _find(root, path)
    text = "" if element is None else (element.text or "").strip()
    return _PROPERTY.sub(lambda match: properties.get(match[1], match[0]), text)


def _find(element: ElementTree.Element, path: str) -> ElementTree.Element | None:
    # By local name, because old POMs have no XML namespace.
    current: ElementTree.Element | None = element
    for name in path.split("/"):
        if current is None:
            return None
        current = next((child for child in current if _local(child.tag) == name), None)
    return current


def _local(tag: object) -> str:
    # The tag of a comment is a function.
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""
