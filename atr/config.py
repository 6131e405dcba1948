# SPDX-License-Identifier: Apache-2.0
"""Settings, read once from the environment. A name that a process does not know stops its start.

No platform address has a default, so a fresh install or a test cannot reach a real platform by accident. Credentials
come from files or the environment of the worker alone; the web process refuses to start when it sees one.
"""

import ipaddress
import pathlib
import signal
import urllib.parse
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal, Self

import pydantic

import atr.errors as errors

PREFIX: Final = "ATR_"
# How a setting is named that holds a secret, or says where one is. Only the worker may see one.
_SECRET: Final = ("_TOKEN", "_TOKEN_FILE")
# Known to every process, used by the tests.
_IGNORED: Final = frozenset({"ATR_CI_NO_SKIP"})
# Where a trial may have the worker die: on a promotion's way, then on that of a deployment. One line of code each.
FAILPOINTS: Final = (
    "in_claim_tx",
    "after_claim",
    "after_status",
    "mid_download",
    "after_verify",
    "in_mark_tx",
    "after_mark",
    "after_connect",
    "after_first_byte",
    "after_reply",
    "before_result_commit",
    "after_result_commit",
    "in_abort",
    "after_drop_reply",
    "mid_public_check",
    "in_live_tx",
    "after_upload_mark",
    "after_upload_reply",
    "before_captured",
    "before_verified",
)
# What happens to it there; `stop` freezes it.
BLOWS: Final = MappingProxyType({"kill": signal.SIGKILL, "stop": signal.SIGSTOP, "term": signal.SIGTERM})
_SANDBOX_ONLY: Final = frozenset({"faster", "failpoint", "sandbox_url"})


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


def _sentence(where: tuple[int | str, ...], what: str) -> str:
    """One wrong setting; what is wrong between two of them names them itself."""
    text = what.removeprefix("Value error, ")
    return f"{PREFIX}{str(where[0]).upper()}: {text}" if where else text


class _Settings(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, allow_inf_nan=False)

    # Everything that is kept: the database, revisions, temporary files, the web's secret key.
    state_dir: pathlib.Path = pathlib.Path("state")
    # How many bytes of copies each project may keep; 0 for none.
    copies_quota: int = pydantic.Field(default=10_000_000_000, ge=0)
    # What one calendar month allows of Maven Central, as its usage page tells the operator; 0 for no limit.
    maven_central_monthly_files: int = pydantic.Field(default=0, ge=0)
    maven_central_monthly_bytes: int = pydantic.Field(default=0, ge=0)
    maven_central_monthly_releases: int = pydantic.Field(default=0, ge=0)
    # An address of a database may hold a password.
    database_url: str = pydantic.Field(default="", repr=False)
    # Local accounts, fast timings, failpoints; refuses any platform address that is not loopback.
    sandbox: bool = False
    log_level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"], pydantic.BeforeValidator(_upper)] = (
        "INFO"
    )
    # Where figures for Prometheus are told; nowhere without a port.
    metrics_host: str = "127.0.0.1"
    metrics_port: int | None = pydantic.Field(default=None, ge=1, le=65_535)

    @pydantic.model_validator(mode="after")
    def _watched_from_here(self) -> Self:
        if self.sandbox and not is_loopback_host(self.metrics_host):
            raise ValueError(f"{self.metrics_host} is not a loopback address, which sandbox mode requires")
        return self

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """The settings of this process. Raises SettingsError with a sentence for each wrong one."""
        given = {name: value for name, value in environ.items() if name.startswith(PREFIX) and name not in _IGNORED}
        cls._refuse(given)
        known = {f"{PREFIX}{field.upper()}": field for field in cls.model_fields}
        unknown = sorted(set(given) - set(known))
        if unknown:
            raise errors.SettingsError(
                f"{', '.join(unknown)}: unknown setting. Known settings are {', '.join(sorted(known))}."
            )
        try:
            settings = cls.model_validate({known[name]: value for name, value in given.items()})
        except pydantic.ValidationError as error:
            wrong = "; ".join(_sentence(one["loc"], one["msg"]) for one in error.errors())
            # Not `from error`: what was given may be a secret, and that error holds it.
            raise errors.SettingsError(f"Invalid settings: {wrong}.") from None
        only = sorted(field for field in _SANDBOX_ONLY if f"{PREFIX}{field.upper()}" in given)
        if only and not settings.sandbox:
            names = ", ".join(f"{PREFIX}{field.upper()}" for field in only)
            raise errors.SettingsError(f"{names}: this setting exists only in sandbox mode (ATR_SANDBOX=1).")
        return settings

    @classmethod
    def _refuse(cls, given: Mapping[str, str]) -> None:
        """Refuse what must not even be seen by this process."""

    @property
    def maven_central_monthly(self) -> tuple[int, int, int]:
        """Files, bytes and releases that a month allows; 0 for no limit."""
        return (
            self.maven_central_monthly_files,
            self.maven_central_monthly_bytes,
            self.maven_central_monthly_releases,
        )

    @property
    def database(self) -> str:
        """The address of the database; an embedded SQLite file where none was set."""
        return self.database_url or f"sqlite+aiosqlite:///{self.state_dir.absolute() / 'atr.db'}"


class WebSettings(_Settings):
    """What the web process knows: no platform, no credential."""

    host: str = "127.0.0.1"
    port: int = pydantic.Field(default=8080, ge=0, le=65_535)
    # A listening socket that whoever starts us has opened already, instead of host and port.
    listen_fd: int | None = pydantic.Field(default=None, ge=3)
    # The address at which people reach this site: letters and sign-in use it, and besides this machine's names only its
    # host is served.
    public_url: str = ""
    # Addresses or networks of the proxies before us, whose X-Forwarded-For is believed.
    trusted_proxies: str = ""
    # How many connections may be open at once, and how many of them of one peer; behind a proxy, of its requests.
    max_connections: int = pydantic.Field(default=500, ge=10)
    max_connections_per_peer: int = pydantic.Field(default=50, ge=1)
    # Within so many seconds every body must have arrived, an upload's too.
    upload_seconds: float = pydantic.Field(default=14_400, gt=0)
    # The largest body of a form, in bytes.
    max_body: int = pydantic.Field(default=1_000_000, ge=1_000)
    # The largest upload of files to a release, in bytes.
    max_upload: int = pydantic.Field(default=5_000_000_000, ge=1_000)
    # Minutes after the last page that ends a session, hours after sign-in that end it, and minutes after sign-in in
    # which a person may do what cannot be undone.
    session_idle_minutes: int = pydantic.Field(default=30, ge=1, le=1_440)
    session_hours: int = pydantic.Field(default=8, ge=1, le=72)
    fresh_minutes: int = pydantic.Field(default=10, ge=1, le=1_440)
    # Where people can look at the stand-in platform, in sandbox mode.
    sandbox_url: str = ""
    # Sign-in by OpenID Connect: the provider, who we are there, what is asked for, and the claim that is the user id.
    oidc_issuer: str = ""
    oidc_client_id: str = ""
    oidc_client_secret_file: pathlib.Path | None = None
    oidc_scopes: str = "openid"
    oidc_claim: str = pydantic.Field(default="sub", min_length=1)
    # Or by the ASF's OAuth gateway, at this address.
    asf_oauth_url: str = ""

    @pydantic.model_validator(mode="after")
    def _signs_in(self) -> Self:
        ways = {name: getattr(self, name) for name in ("oidc_issuer", "asf_oauth_url") if getattr(self, name)}
        if ways and self.sandbox:
            raise ValueError("ATR_OIDC_ISSUER and ATR_ASF_OAUTH_URL are for outside sandbox mode, which has accounts")
        if len(ways) > 1:
            raise ValueError("set ATR_OIDC_ISSUER or ATR_ASF_OAUTH_URL, not both")
        if ways and not self.public_url:
            raise ValueError("signing in needs ATR_PUBLIC_URL, the address to which the provider leads back")
        if self.oidc_issuer and not (self.oidc_client_id and "openid" in self.oidc_scopes.split()):
            raise ValueError("ATR_OIDC_ISSUER needs ATR_OIDC_CLIENT_ID, and ATR_OIDC_SCOPES with openid in it")
        for name, url in {**ways, **({"public_url": self.public_url} if self.public_url else {})}.items():
            if not is_safe_address(url, like=url) or ("?" in url):
                raise ValueError(f"{PREFIX}{name.upper()} must be an https address, or one of this machine")
        return self

    @property
    def oidc_client_secret(self) -> str:
        """What the file holds; empty without one. Raises SettingsError."""
        if self.oidc_client_secret_file is None:
            return ""
        try:
            secret = self.oidc_client_secret_file.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise errors.SettingsError(f"ATR_OIDC_CLIENT_SECRET_FILE: {error}") from error
        if not secret:
            raise errors.SettingsError("ATR_OIDC_CLIENT_SECRET_FILE is empty. Put the client's secret into it.")
        return secret

    @pydantic.model_validator(mode="after")
    def _safe(self) -> Self:
        if self.sandbox and not is_loopback(f"http://{self.host}"):
            raise ValueError(
                f"{self.host} is not a loopback address, but in sandbox mode anyone who can connect can sign in"
            )
        return self

    @pydantic.field_validator("public_url")
    @classmethod
    def _plain(cls, url: str) -> str:
        parts = urllib.parse.urlsplit(url)
        if url and ((parts.scheme not in {"http", "https"}) or not parts.hostname or ("@" in parts.netloc)):
            raise ValueError("must be an address like https://releases.example.org")
        if parts.path.strip("/") or parts.query or parts.fragment or url.endswith(("?", "#")):
            raise ValueError("must have no path and no query, like https://releases.example.org")
        return url.rstrip("/")

    @pydantic.field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, text: str) -> str:
        for one in text.split():
            try:
                ipaddress.ip_network(one)
            except ValueError:
                raise ValueError(f"{one[:60]} is neither an address nor a network") from None
        return text

    @property
    def proxies(self) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
        """The networks of the trusted proxies."""
        return tuple(map(ipaddress.ip_network, self.trusted_proxies.split()))

    @classmethod
    def _refuse(cls, given: Mapping[str, str]) -> None:
        seen = sorted(filter(is_credential, given))
        if seen:
            raise errors.SettingsError(
                f"{', '.join(seen)}: the web process must not be able to publish. Set this for the worker only."
            )


class WorkerSettings(_Settings):
    """What every worker knows. What a platform needs beside it stands in that platform's folder (`platforms/`)."""

    # Hosts, each `host` or `host:port`, that a redirect from a place which is only looked at may lead to.
    lookup_redirect_hosts: str = ""
    user_agent: str = "atr-remote-promotion/0.1 (+https://github.com/apache/tooling-trusted-releases)"
    # Seconds for one call to a platform, from connecting to the last byte of an answer.
    call_timeout: float = pydantic.Field(default=30.0, gt=0)
    # Seconds for which a row is held without a sign of life.
    lease: float = pydantic.Field(default=60.0, gt=0)
    # Seconds between two reads at a public place.
    pace: float = pydantic.Field(default=0.25, ge=0)
    # Whether the state directory is the one that the web writes. Without it a worker proves, promotes and asks, and
    # leaves uploads, captures and copies to others.
    has_files: bool = True
    # Seconds between two looks for due rows, and how many rows are worked on at once.
    tick: float = pydantic.Field(default=1.0, gt=0)
    slots: int = pydantic.Field(default=8, ge=1)
    # Sandbox mode: every duration of the polling tables divided by this; and where to die, once, for a trial, as
    # `place` or `place:blow`.
    faster: float = pydantic.Field(default=1.0, ge=1)
    failpoint: str = ""

    @pydantic.model_validator(mode="after")
    def _safe(self) -> Self:
        if self.lease < 2 * self.call_timeout:
            raise ValueError("ATR_LEASE must be at least twice ATR_CALL_TIMEOUT, or a running worker loses its rows")
        if self.sandbox:
            for url in filter(None, (getattr(self, name) for name in self.addresses())):
                if not is_loopback(url):
                    raise ValueError(f"{url} is not a loopback address, which sandbox mode requires")
        return self

    @classmethod
    def addresses(cls) -> Sequence[str]:
        """The fields that name an address of a platform, which the worker may reach or show as a link."""
        return [name for name in cls.model_fields if name.endswith("_url") and (name not in _Settings.model_fields)]

    @pydantic.field_validator("failpoint")
    @classmethod
    def _known(cls, failpoint: str) -> str:
        place, _, blow = failpoint.partition(":")
        if failpoint and (place not in FAILPOINTS):
            raise ValueError(f"unknown failpoint; available are {', '.join(FAILPOINTS)}")
        if blow and (blow not in BLOWS):
            raise ValueError(f"the action at a failpoint must be one of {', '.join(BLOWS)}")
        return failpoint


def is_credential(name: str) -> bool:
    """Whether a setting of this name, as in the environment, holds a secret or says where one is."""
    return name.endswith(_SECRET)


def is_loopback(url: str) -> bool:
    """Whether an address is on this machine."""
    return is_loopback_host(urllib.parse.urlsplit(url).hostname or "")


def is_safe_address(url: object, *, like: str) -> bool:
    """Whether what goes there cannot be read on its way: by https, or on this machine as `like` is."""
    try:
        parts = urllib.parse.urlsplit(url if isinstance(url, str) else "")
        host = parts.hostname
        if not host or parts.username or parts.fragment or not str(url).isprintable() or (" " in str(url)):
            return False
        return (parts.scheme == "https") or (parts.scheme == "http" and is_loopback_host(host) and is_loopback(like))
    except ValueError:
        return False


def is_loopback_host(host: str) -> bool:
    """Whether a host, by its name or its number, is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def described(model: type[_Settings]) -> dict[str, Any]:
    """Each setting by its name in the environment with its default, for the documentation."""
    return {f"{PREFIX}{name.upper()}": field.default for name, field in model.model_fields.items()}
