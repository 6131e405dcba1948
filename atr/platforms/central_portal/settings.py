# SPDX-License-Identifier: Apache-2.0
"""The settings of Central's Portal: its addresses and the credential."""

import base64
import dataclasses
import pathlib
import re
from typing import Final, Self

import pydantic

import atr.config as config
import atr.errors as errors

# A shorter name is not hidden in texts. Those that the portal generates have eight characters.
_TELLING_NAME: Final = 6
_UNFIT: Final = re.compile(r"[\x00-\x20\x7f]")


@dataclasses.dataclass(frozen=True)
class Credential:
    """A user token of the Portal: a generated name and password.

    https://central.sonatype.org/publish/generate-portal-token/
    """

    name: str = dataclasses.field(repr=False)
    password: str = dataclasses.field(repr=False)

    def __post_init__(self) -> None:
        """Refuse characters of a careless copy: a line break would be encoded, and answered with a bare 401."""
        for part in (self.name, self.password):
            if (not part) or _UNFIT.search(part):
                raise errors.SettingsError("The token of Maven Central is empty or contains a space or line break.")
        if ":" in self.name:
            raise errors.SettingsError(
                "The name of Maven Central's token contains a colon; give name and password apart."
            )

    @property
    def encoded(self) -> str:
        """The name and password as they are sent, in one line."""
        return base64.b64encode(f"{self.name}:{self.password}".encode()).decode("ascii")

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every form of the token that must not be shown. A name as short as a word would hide ordinary text."""
        return (self.encoded, self.password, *((self.name,) if len(self.name) >= _TELLING_NAME else ()))


class Settings(config.WorkerSettings):
    """The worker's settings with the Portal's. Without addresses it is not contacted."""

    maven_central_portal_url: str = ""
    maven_central_repository_url: str = ""
    # Hosts, each `host` or `host:port`, that a redirect of a file's bytes may lead to; separated by spaces.
    maven_central_redirect_hosts: str = ""
    # One line, `name:password`, the user token of the platform's account page.
    maven_central_token: pydantic.SecretStr = pydantic.SecretStr("")
    maven_central_token_file: pathlib.Path | None = None

    @pydantic.model_validator(mode="after")
    def _both(self) -> Self:
        if bool(self.maven_central_portal_url) != bool(self.maven_central_repository_url):
            raise ValueError("Maven Central needs both its portal's and its public repository's address")
        return self

    @property
    def maven_central_credential(self) -> Credential:
        """The token. Raises SettingsError if it is missing or incomplete."""
        text = self.maven_central_token.get_secret_value()
        if self.maven_central_token_file is not None:
            try:
                text = self.maven_central_token_file.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                why = (error.strerror if isinstance(error, OSError) else None) or "it is not text"
                # Not `from error`: the text that could not be decoded may be the secret.
                raise errors.SettingsError(
                    f"{self.maven_central_token_file} cannot be read: {why}. It must contain name:password."
                ) from None
        name, colon, password = text.strip().partition(":")
        if not (name and colon and password) or (len(text.split()) != 1):
            raise errors.SettingsError(
                "Maven Central needs a credential: set ATR_MAVEN_CENTRAL_TOKEN_FILE to a file that contains "
                "name:password."
            )
        return Credential(name, password)
