# SPDX-License-Identifier: Apache-2.0
"""Settings, read once from the environment. A name that a process does not know stops its start.

No platform address has a default, so a fresh install or a test cannot reach a real platform by accident. Platform
credentials come from the worker's files or environment only; the web process refuses to start if it is given one.
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
# The suffixes of settings that contain a platform credential, or the path of one. Only the worker may have them.
_SECRET: Final = ("_TOKEN", "_TOKEN_FILE")
# Accepted by every process; used by the tests.
_IGNORED: Final = frozenset({"ATR_CI_NO_SKIP"})
# The points at which a test can have the worker die: in a promotion, then in a deployment. Each is one line of code.
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
# The signals for that; `stop` suspends the worker.
BLOWS: Final = MappingProxyType({"kill": signal.SIGKILL, "stop": signal.SIGSTOP, "term": signal.SIGTERM})
_SANDBOX_ONLY: Final = frozenset({"faster", "failpoint", "sandbox_url"})


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


def _sentence(where: tuple[int | str, ...], what: str) -> str:
    """Return one error as a sentence. An error about two settings has no location, and names them itself."""
    text = what.removeprefix("Value error, ")
    return f"{PREFIX}{str(where[0]).upper()}: {text}" if where else text


class _Settings(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, allow_inf_nan=False)

    # The directory of everything that is stored: the database, revisions, temporary files, the web's secret key.
    state_dir: pathlib.Path = pathlib.Path("state")
    # How many bytes of copies each project may have; 0 for none.
    copies_quota: int = pydantic.Field(default=10_000_000_000, ge=0)
    # How much Maven Central allows in a calendar month, as its usage page says; 0 for no limit.
    maven_central_monthly_files: int = pydantic.Field(default=0, ge=0)
    maven_central_monthly_bytes: int = pydantic.Field(default=0, ge=0)
    maven_central_monthly_releases: int = pydantic.Field(default=0, ge=0)
    # The address of the database, which may contain a password.
    database_url: str = pydantic.Field(default="", repr=False)
    # Sandbox mode: local accounts, fast timings, failpoints; refuses any platform address that is not loopback.
    sandbox: bool = False
    log_level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"], pydantic.BeforeValidator(_upper)] = (
        "INFO"
    )
    # The address of the metrics for Prometheus; without a port there are none.
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
            # Not `from error`: that error contains the values, which may be secret.
            raise errors.SettingsError(f"Invalid settings: {wrong}.") from None
        only = sorted(field for field in _SANDBOX_ONLY if f"{PREFIX}{field.upper()}" in given)
        if only and not settings.sandbox:
            names = ", ".join(f"{PREFIX}{field.upper()}" for field in only)
            raise errors.SettingsError(f"{names}: this setting exists only in sandbox mode (ATR_SANDBOX=1).")
        return settings

    @classmethod
    def _refuse(cls, given: Mapping[str, str]) -> None:
        """Raise SettingsError for settings that this process must not have."""

    @property
    def maven_central_monthly(self) -> tuple[int, int, int]:
        """The files, bytes and releases that a month allows; 0 for no limit."""
        return (
            self.maven_central_monthly_files,
            self.maven_central_monthly_bytes,
            self.maven_central_monthly_releases,
        )

    @property
    def database(self) -> str:
        """The address of the database; by default, a SQLite file in the state directory."""
        return self.database_url or f"sqlite+aiosqlite:///{self.state_dir.absolute() / 'atr.db'}"


class WebSettings(_Settings):
    """The settings of the web process: no platform, and no platform credential."""

    host: str = "127.0.0.1"
    port: int = pydantic.Field(default=8080, ge=0, le=65_535)
    # The descriptor of a listening socket that the process inherits, instead of host and port.
    listen_fd: int | None = pydantic.Field(default=None, ge=3)
    # The address at which people reach this site: emails and sign-in use it, and only its host and this machine's own
    # names are served.
    public_url: str = ""
    # Addresses or networks of the reverse proxies whose X-Forwarded-For is trusted.
    trusted_proxies: str = ""
    # How many connections may be open at once, in total and of one peer; behind a proxy, how many requests of one peer.
    max_connections: int = pydantic.Field(default=500, ge=10)
    max_connections_per_peer: int = pydantic.Field(default=50, ge=1)
    # The seconds within which every body must have arrived, including an upload.
    upload_seconds: float = pydantic.Field(default=14_400, gt=0)
    # The largest body of a form, in bytes.
    max_body: int = pydantic.Field(default=1_000_000, ge=1_000)
    # The largest upload of files to a release, in bytes.
    max_upload: int = pydantic.Field(default=5_000_000_000, ge=1_000)
    # A session ends this many minutes after the last page, and this many hours after sign-in. What cannot be undone
    # needs a sign-in within this many minutes.
    session_idle_minutes: int = pydantic.Field(default=30, ge=1, le=1_440)
    session_hours: int = pydantic.Field(default=8, ge=1, le=72)
    fresh_minutes: int = pydantic.Field(default=10, ge=1, le=1_440)
    # The address of the simulated platform, for people; sandbox mode only.
    sandbox_url: str = ""
    # Sign-in by OpenID Connect: the provider, this server's client, the scopes, and the claim that is the user id.
    oidc_issuer: str = ""
    oidc_client_id: str = ""
    oidc_client_secret_file: pathlib.Path | None = None
    oidc_scopes: str = "openid"
    oidc_claim: str = pydantic.Field(default="sub", min_length=1)
    # Sign-in by the ASF's OAuth gateway instead: its address.
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
        """The secret in the file; empty without a file. Raises SettingsError if it cannot be read or is empty."""
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
    """The settings of every worker. Those of a platform are in that platform's folder (`platforms/`)."""

    # Hosts, each `host` or `host:port`, to which a redirect may lead from an address that is used for look-ups only.
    lookup_redirect_hosts: str = ""
    user_agent: str = "atr-remote-promotion/0.1 (+https://github.com/apache/tooling-trusted-releases)"
    # Seconds for one request to a platform, from connecting to the last byte of the reply.
    call_timeout: float = pydantic.Field(default=30.0, gt=0)
    # Seconds after which a lease that is not renewed expires.
    lease: float = pydantic.Field(default=60.0, gt=0)
    # Seconds between two reads from a public repository.
    pace: float = pydantic.Field(default=0.25, ge=0)
    # Whether the state directory is the one that the web process writes. A worker without it verifies, promotes and
    # polls, and leaves uploads, captures and copies to others.
    has_files: bool = True
    # Seconds between two scans for due rows, and how many rows are worked on at once.
    tick: float = pydantic.Field(default=1.0, gt=0)
    slots: int = pydantic.Field(default=8, ge=1)
    # Sandbox mode only: every duration of the polling tables is divided by this; and the point at which the worker
    # dies, once, for a test, as `place` or `place:blow`.
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
        """Return the fields that contain an address of a platform, which the worker may reach or show as a link."""
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
    """Return whether an environment variable of this name contains a platform credential, or the path of one."""
    return name.endswith(_SECRET)


def is_loopback(url: str) -> bool:
    """Return whether an address is on this machine."""
    return is_loopback_host(urllib.parse.urlsplit(url).hostname or "")


def is_safe_address(url: object, *, like: str) -> bool:
    """Return whether requests to this address cannot be read on the way: https, or loopback if `like` is loopback."""
    try:
        parts = urllib.parse.urlsplit(url if isinstance(url, str) else "")
        host = parts.hostname
        if not host or parts.username or parts.fragment or not str(url).isprintable() or (" " in str(url)):
            return False
        return (parts.scheme == "https") or (parts.scheme == "http" and is_loopback_host(host) and is_loopback(like))
    except ValueError:
        return False


def is_loopback_host(host: str) -> bool:
    """Return whether a host, given as a name or a numeric address, is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def described(model: type[_Settings]) -> dict[str, Any]:
    """Return the default of each setting, by its name in the environment, for the documentation."""
    return {f"{PREFIX}{name.upper()}": field.default for name, field in model.model_fields.items()}
