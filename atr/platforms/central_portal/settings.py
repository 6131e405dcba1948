# SPDX-License-Identifier: Apache-2.0
"""The credential of Central's Portal."""

import base64
import dataclasses
import re
from typing import Final

import atr.errors as errors

# The portal's own names have eight characters.
_TELLING_NAME: Final = 6
_UNFIT: Final = re.compile(r"[\x00-\x20\x7f]")


@dataclasses.dataclass(frozen=True)
class Credential:
    """A user token of the Portal, a made-up name and password.

    https://central.sonatype.org/publish/generate-portal-token/
    """

    name: str = dataclasses.field(repr=False)
    password: str = dataclasses.field(repr=False)

    def __post_init__(self) -> None:
        """Refuse what a careless copy leaves behind: a line break would be encoded and refused with a bare 401."""
        for part in (self.name, self.password):
            if (not part) or _UNFIT.search(part):
                raise errors.SettingsError("The token of Maven Central is empty or holds a space or line break.")
        if ":" in self.name:
            raise errors.SettingsError("The name of Maven Central's token holds a colon; give name and password apart.")

    @property
    def encoded(self) -> str:
        """The pair as it travels, in one line."""
        return base64.b64encode(f"{self.name}:{self.password}".encode()).decode("ascii")

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every form of it that must not be shown. A name as short as a word would blot out innocent text."""
        return (self.encoded, self.password, *((self.name,) if len(self.name) >= _TELLING_NAME else ()))
