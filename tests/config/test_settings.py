# SPDX-License-Identifier: Apache-2.0
"""Settings: what is not known, not safe or not readable stops the start with a sentence, and no secret is shown."""

import io
import json
import logging
import pathlib
import re
import traceback
from collections.abc import Mapping
from typing import Any, Final

import pytest

import atr.config as config
import atr.errors as errors
import atr.log as log
import atr.platforms.central_portal.settings as central_portal
import atr.platforms.registry as registry
import atr.worker as worker

CANARY: Final = "canary-3f9d7a565b0833f6"
LOCAL: Final = {
    "ATR_MAVEN_CENTRAL_PORTAL_URL": "http://127.0.0.1:8081",
    "ATR_MAVEN_CENTRAL_REPOSITORY_URL": "http://127.0.0.1:8081/maven2",
    "ATR_ARTIFACT_HUB_URL": "http://127.0.0.1:8081/registries/artifact-hub",
    "ATR_DOCKER_HUB_URL": "http://127.0.0.1:8081/registries/docker-hub",
    "ATR_NPM_URL": "http://127.0.0.1:8081/registries/npm",
    "ATR_NPM_PAGES_URL": "http://127.0.0.1:8081/registries/npm-pages",
    "ATR_PYPI_URL": "http://127.0.0.1:8081/registries/pypi",
}
Kind = type[config.WebSettings] | type[registry.WorkerSettings]
CREDENTIALS: Final = {"ATR_MAVEN_CENTRAL_TOKEN", "ATR_MAVEN_CENTRAL_TOKEN_FILE"}
KINDS: Final = (config.WebSettings, registry.WorkerSettings)


def _sentence(kind: Kind, environ: Mapping[str, str]) -> str:
    with pytest.raises(errors.SettingsError) as caught:
        kind.from_environ(environ)
    shown = "".join(traceback.format_exception(caught.value))
    assert CANARY not in shown
    assert CANARY not in repr(caught.value)
    assert "Value error" not in str(caught.value)
    assert "settings: ATR_:" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_set_is_enough_to_start_and_reaches_no_platform(kind: Kind) -> None:
    settings = kind.from_environ({"PATH": "/bin", "HOME": "/root", "ATR_CI_NO_SKIP": "1"})
    assert not settings.sandbox
    if isinstance(settings, registry.WorkerSettings):
        assert worker.adapters(settings) == {}
        assert worker.catalogues(settings) == {}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["ATR_STATEDIR", "ATR_", "ATR_state_dir", "ATR_MAVEN_CENTRAL_URL"])
def test_an_unknown_name_stops_the_start(kind: Kind, name: str) -> None:
    said = _sentence(kind, {name: CANARY})
    assert said.startswith(f"{name}: unknown setting. Known settings are ATR_")


def test_a_secret_of_no_platform_that_is_built_stops_the_worker_too() -> None:
    assert _sentence(registry.WorkerSettings, {"ATR_NPM_TOKEN": CANARY}).startswith("ATR_NPM_TOKEN: unknown setting.")


@pytest.mark.parametrize("name", [*sorted(CREDENTIALS), "ATR_NPM_TOKEN"])
@pytest.mark.parametrize("more", [{}, {"ATR_SANDBOX": "1"}, {"ATR_NONSENSE": "1"}])
def test_the_web_refuses_a_credential(name: str, more: dict[str, str]) -> None:
    said = _sentence(config.WebSettings, {name: CANARY, **more})
    assert said == f"{name}: the web process must not be able to publish. Set this for the worker only."


def test_every_secret_of_the_worker_is_a_credential() -> None:
    """Whoever adds one cannot forget to keep it from the web."""
    secret = {
        f"{config.PREFIX}{name.upper()}"
        for name in registry.WorkerSettings.model_fields
        if re.search("token|password|secret|credential|key", name)
    }
    assert secret == CREDENTIALS
    assert not secret & {f"{config.PREFIX}{name.upper()}" for name in config.WebSettings.model_fields}


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        (config.WebSettings, "ATR_SANDBOX_URL", "http://127.0.0.1:1"),
        (registry.WorkerSettings, "ATR_FASTER", "2"),
        (registry.WorkerSettings, "ATR_FAILPOINT", "after_mark"),
    ],
)
@pytest.mark.parametrize("more", [{}, {"ATR_SANDBOX": "0"}, {"ATR_SANDBOX": "false"}])
def test_what_belongs_to_the_sandbox_stops_any_other_start(
    kind: Kind, name: str, value: str, more: dict[str, str]
) -> None:
    assert _sentence(kind, {name: value, **more}) == (
        f"{name}: this setting exists only in sandbox mode (ATR_SANDBOX=1)."
    )
    assert kind.from_environ({name: value, "ATR_SANDBOX": "1"})


@pytest.mark.parametrize(
    ("kind", "environ", "sentence"),
    [
        (config.WebSettings, {"ATR_PORT": CANARY}, "ATR_PORT: "),
        (config.WebSettings, {"ATR_PORT": "70000"}, "ATR_PORT: "),
        (config.WebSettings, {"ATR_PORT": ""}, "ATR_PORT: "),
        (config.WebSettings, {"ATR_MAX_BODY": "1"}, "ATR_MAX_BODY: "),
        (config.WebSettings, {"ATR_SANDBOX": CANARY}, "ATR_SANDBOX: "),
        (config.WebSettings, {"ATR_SESSION_HOURS": CANARY}, "ATR_SESSION_HOURS: "),
        (config.WebSettings, {"ATR_LOG_LEVEL": CANARY}, "ATR_LOG_LEVEL: "),
        (registry.WorkerSettings, {"ATR_LEASE": "59.9"}, "ATR_LEASE must be at least twice ATR_CALL_TIMEOUT"),
        (registry.WorkerSettings, {"ATR_CALL_TIMEOUT": "38"}, "ATR_LEASE must be at least twice ATR_CALL_TIMEOUT"),
        (registry.WorkerSettings, {"ATR_CALL_TIMEOUT": "0"}, "ATR_CALL_TIMEOUT: "),
        (registry.WorkerSettings, {"ATR_LEASE": "inf"}, "ATR_LEASE: "),
        (registry.WorkerSettings, {"ATR_LEASE": "nan"}, "ATR_LEASE: "),
        (registry.WorkerSettings, {"ATR_PACE": "-1"}, "ATR_PACE: "),
        (registry.WorkerSettings, {"ATR_TICK": "0"}, "ATR_TICK: "),
        (registry.WorkerSettings, {"ATR_SLOTS": "0"}, "ATR_SLOTS: "),
        (registry.WorkerSettings, {"ATR_FASTER": "inf", "ATR_SANDBOX": "1"}, "ATR_FASTER: "),
        (
            registry.WorkerSettings,
            {"ATR_FAILPOINT": "after_lunch", "ATR_SANDBOX": "1"},
            "ATR_FAILPOINT: unknown",
        ),
        (
            registry.WorkerSettings,
            {"ATR_FAILPOINT": "after_mark:wink", "ATR_SANDBOX": "1"},
            "ATR_FAILPOINT: the action",
        ),
        (
            registry.WorkerSettings,
            {"ATR_MAVEN_CENTRAL_PORTAL_URL": "https://portal.example"},
            "Maven Central needs both its portal's and its public repository's address",
        ),
        (
            registry.WorkerSettings,
            {"ATR_MAVEN_CENTRAL_REPOSITORY_URL": "https://files.example"},
            "Maven Central needs both its portal's and its public repository's address",
        ),
    ],
)
def test_a_value_that_cannot_be_used(kind: Kind, environ: dict[str, str], sentence: str) -> None:
    said = _sentence(kind, environ)
    assert said.startswith(f"Invalid settings: {sentence}")
    assert said.endswith(".")


def test_every_wrong_setting_is_named_at_once() -> None:
    said = _sentence(config.WebSettings, {"ATR_PORT": "x", "ATR_MAX_BODY": "y"})
    assert "ATR_PORT: " in said
    assert "ATR_MAX_BODY: " in said


def test_what_a_dead_worker_held_is_taken_up_within_75_seconds() -> None:
    """L3: its lease has run out, and another one looks."""
    default = registry.WorkerSettings.from_environ({})
    assert default.lease + default.tick <= 75


@pytest.mark.parametrize("lease", ["60", "75", "1e6"])
def test_a_lease_of_twice_a_call_is_safe(lease: str) -> None:
    assert registry.WorkerSettings.from_environ({"ATR_LEASE": lease, "ATR_CALL_TIMEOUT": "30"})


@pytest.mark.parametrize("name", list(LOCAL))
@pytest.mark.parametrize(
    "address",
    [
        "https://portal.example",
        "http://10.0.0.1",
        "http://0.0.0.0:1",
        "http://127.0.0.1.example.org",
        "http://localhost.example.org",
        "http://127.0.0.1@portal.example",
        "http://portal.example#@127.0.0.1",
        "http://portal.example?@127.0.0.1",
        "http://[::ffff:10.0.0.1]",
        "http://[::1",
        "http://2130706433",
        "127.0.0.1",
        "//portal.example",
    ],
)
def test_sandbox_mode_reaches_this_machine_only(name: str, address: str) -> None:
    said = _sentence(registry.WorkerSettings, {**LOCAL, name: address, "ATR_SANDBOX": "1"})
    assert said.startswith("Invalid settings: ")


def test_every_address_of_a_platform_is_held_to_this_machine() -> None:
    """Whoever adds one cannot forget to."""
    named = {
        f"{config.PREFIX}{name.upper()}"
        for name in registry.WorkerSettings.model_fields
        if name.endswith("_url") and name != "database_url"
    }
    assert named == set(LOCAL)


async def test_a_catalogue_for_each_platform_whose_address_is_named() -> None:
    settings = registry.WorkerSettings.from_environ({"ATR_NPM_URL": "https://registry.example", "ATR_PACE": "1"})
    some = worker.catalogues(settings)
    assert {platform.name for platform in some} == {"NPM", "NPM_SCOPED"}
    settings = registry.WorkerSettings.from_environ({**LOCAL, "ATR_LOOKUP_REDIRECT_HOSTS": "a.example b.example:8443"})
    every = worker.catalogues(settings)
    assert {platform.name for platform in every} == {"ARTIFACT_HUB", "DOCKER_HUB", "NPM", "NPM_SCOPED", "PYPI"}
    for platform, catalogue in [*some.items(), *every.items()]:
        assert catalogue.platform is platform
        await catalogue.aclose()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "localhost", "[::1]"])
def test_sandbox_mode_knows_this_machine(host: str) -> None:
    addresses = {name: address.replace("127.0.0.1", host) for name, address in LOCAL.items()}
    assert registry.WorkerSettings.from_environ({**addresses, "ATR_SANDBOX": "1"})


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.2", "::", "example.org", ""])
def test_in_sandbox_mode_nobody_else_can_sign_in(host: str) -> None:
    assert "sandbox mode" in _sentence(config.WebSettings, {"ATR_SANDBOX": "1", "ATR_HOST": host})
    assert config.WebSettings.from_environ({"ATR_HOST": host})


class TestCredential:
    @pytest.mark.parametrize("text", ["name:word", "name:word\n", "  name:word  ", "name:wo:rd"])
    def test_a_file_of_one_line(self, tmp_path: pathlib.Path, text: str) -> None:
        path = tmp_path / "token"
        path.write_text(text)
        settings = registry.WorkerSettings.from_environ({"ATR_MAVEN_CENTRAL_TOKEN_FILE": str(path)})
        assert settings.maven_central_credential == central_portal.Credential("name", text.strip().partition(":")[2])

    def test_the_file_wins(self, tmp_path: pathlib.Path) -> None:
        path = tmp_path / "token"
        path.write_text("file:word")
        environ = {"ATR_MAVEN_CENTRAL_TOKEN_FILE": str(path), "ATR_MAVEN_CENTRAL_TOKEN": "environ:word"}
        settings = registry.WorkerSettings.from_environ(environ)
        assert settings.maven_central_credential == central_portal.Credential("file", "word")

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"\n",
            CANARY.encode(),
            f":{CANARY}".encode(),
            f"{CANARY}:".encode(),
            f"name:{CANARY}\nsecond: line".encode(),
            f"name:{CANARY}\r\nX-Evil: 1".encode(),
            f"na me:{CANARY}".encode(),
            b"\xff\xfe" + CANARY.encode(),
        ],
    )
    def test_a_malformed_one(self, tmp_path: pathlib.Path, content: bytes) -> None:
        path = tmp_path / "token"
        path.write_bytes(content)
        environ = {**LOCAL, "ATR_MAVEN_CENTRAL_TOKEN_FILE": str(path)}
        self._refused(registry.WorkerSettings.from_environ(environ))

    def test_one_that_is_not_there(self, tmp_path: pathlib.Path) -> None:
        environ = {**LOCAL, "ATR_MAVEN_CENTRAL_TOKEN_FILE": str(tmp_path / "nothing")}
        assert "cannot be read: No such file" in self._refused(registry.WorkerSettings.from_environ(environ))

    def test_a_directory(self, tmp_path: pathlib.Path) -> None:
        environ = {**LOCAL, "ATR_MAVEN_CENTRAL_TOKEN_FILE": str(tmp_path)}
        assert "cannot be read" in self._refused(registry.WorkerSettings.from_environ(environ))

    def test_none_at_all(self) -> None:
        assert "set ATR_MAVEN_CENTRAL_TOKEN_FILE" in self._refused(registry.WorkerSettings.from_environ(LOCAL))

    def _refused(self, settings: registry.WorkerSettings) -> str:
        """The worker does not start, and says why."""
        with pytest.raises(errors.SettingsError) as caught:
            worker.adapters(settings)
        assert CANARY not in "".join(traceback.format_exception(caught.value))
        assert "name:password" in str(caught.value)
        return str(caught.value)


def test_no_secret_is_shown(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Canaries in each setting that may hold one, sought wherever settings may be printed."""
    path = tmp_path / "token"
    path.write_text(f"name:{CANARY}")
    environ = {
        **LOCAL,
        "ATR_DATABASE_URL": f"postgresql+psycopg://atr:{CANARY}@db/atr",
        "ATR_MAVEN_CENTRAL_TOKEN": f"name:{CANARY}",
        "ATR_MAVEN_CENTRAL_TOKEN_FILE": str(path),
    }
    settings = registry.WorkerSettings.from_environ(environ)
    web = config.WebSettings.from_environ({"ATR_DATABASE_URL": environ["ATR_DATABASE_URL"]})
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    before = logging.getLogger().handlers[:]
    try:
        log.configure("debug")
        logging.getLogger("atr").info("started with %s", settings, extra={"settings": settings, "web": web})
        try:
            raise errors.SettingsError(str(settings))
        except errors.SettingsError:
            logging.getLogger("atr").exception("and %r", web)
    finally:
        logging.basicConfig(handlers=before, force=True)
    said = stream.getvalue()
    assert len(said.splitlines()) == 2
    assert all(json.loads(line) for line in said.splitlines())
    adapters = worker.adapters(settings)
    places: list[Any] = [said, repr(settings), str(settings), repr(web), str(web), repr(adapters)]
    for adapter in adapters.values():
        places += [repr(adapter), str(adapter), repr(vars(adapter))]
    for place in places:
        assert CANARY not in place
    assert CANARY in settings.database


def test_a_log_line_is_one_line_whatever_it_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    before = logging.getLogger().handlers[:]
    try:
        log.configure("INFO")
        logging.getLogger("atr").warning('a\nb\r{"level": "INFO"}\x1b[31m\u2028', extra={"path": "/x\ny"})
        logging.getLogger("atr").warning("odd %s", "\ud800", extra={"thing": object()})
    finally:
        logging.basicConfig(handlers=before, force=True)
    lines = stream.getvalue().split("\n")
    assert len(lines) == 3
    assert lines[2] == ""
    first = json.loads(lines[0])
    assert first["level"] == "WARNING"
    assert first["path"] == "/x\ny"
    assert lines[0].isascii()


def test_every_setting_is_documented() -> None:
    """docs/operators.md names each one, with its default, and none that does not exist."""
    page = (pathlib.Path(__file__).resolve().parents[2] / "docs" / "operators.md").read_text()
    known = {**config.described(config.WebSettings), **config.described(registry.WorkerSettings)}
    named = set(re.findall(r"\bATR_[A-Z_]+\b", page))
    missing = sorted(set(known) - named)
    assert not missing, f"docs/operators.md says nothing of {', '.join(missing)}"
    ours = {"ATR_CI_NO_SKIP"}
    assert sorted(named - set(known) - ours) == []
