# SPDX-License-Identifier: Apache-2.0
"""A furnished house: every situation that a page can show, each brought about for real, and people with browsers.

It is built once for all processes of a run, each of which opens a copy. What a test changes is put back before the next
one, page by page, from a copy of the database.
"""

import contextlib
import dataclasses
import hashlib
import http.cookiejar
import pathlib
import pickle
import re
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import quart
from quart.typing import TestClientProtocol

import atr.config as config
import atr.db.session as session
import atr.demo.people as people
import atr.demo.tree as trees
import atr.models.sql as sql
import atr.pages.views as views
import atr.promotion.ballot as ballot
import atr.promotion.order as order
import atr.promotion.states as states
import atr.server as server
import atr.shared.distribution as distribution
import atr.storage as storage
import atr.storage.transaction as transaction
from tests import databases as provided
from tests import world as worlds

PROJECT: Final = people.PROJECT
MEMBER: Final = people.MEMBERS[0]
# The first is a second member, the last one is taken off the committee while signed in.
OTHER_MEMBER: Final = people.MEMBERS[1]
REMOVED: Final = people.MEMBERS[2]
MANAGER: Final = people.COMMITTER
COMMITTER: Final = "frank"
ADMIN: Final = people.ADMIN
ELSEWHERE: Final = people.STRANGER
# Every text that a person or a platform may set holds this; no page may let it through.
HOSTILE: Final = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&{{ 7*7 }}"
BOUNDARY: Final = "----a-boundary-of-the-test"
_GROUP: Final = "org.example.widgets"
# What the rows do not say: the time, where each situation is, and the cookies of those who are signed in.
_INSIDE: Final = "inside.pickle"
_TOKEN: Final = re.compile(r'name="csrf_token" value="([^"]+)"')
_State = states.State
_Deployment = states.DeploymentState


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a situation is looked at: the release and the row, if there is one."""

    version: str
    row_key: str = ""

    @property
    def deployment_id(self) -> int:
        """Our number of the deployment."""
        return int(self.row_key[1:])

    def url(self, page: str, project: str = PROJECT) -> str:
        """The address of a page about it: `finish`, `row`, `distribution/detail`, ..."""
        if page == "row":
            return f"/finish/{project}/{self.version}/row/{self.row_key}"
        if page == "start":
            return f"/start/{project}"
        more = f"/{self.row_key}" if page in {"distribution/detail", "distribution/act"} else ""
        return f"/{page}/{project}/{self.version}{more}"


class Person:
    """Somebody at a browser of their own."""

    def __init__(
        self, app: quart.Quart, asf_uid: str = "", token: str = "", cookies: Iterable[http.cookiejar.Cookie] = ()
    ) -> None:
        self.app = app
        self.asf_uid = asf_uid
        self.client: TestClientProtocol = app.test_client()
        self.token = token
        for cookie in cookies:
            self.client.cookie_jar.set_cookie(cookie)  # type: ignore[union-attr]

    async def get(self, path: str, **more: Any) -> "Answer":
        """Look at a page."""
        return await Answer.of(await self.client.get(path, **more))

    async def post(
        self,
        path: str,
        form: Mapping[str, str] | None = None,
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> "Answer":
        """Send a form with the session's token, or with the one that is given."""
        fields = {**(form or {})}
        chosen = self.token if (token is None) else token
        if chosen:
            fields["csrf_token"] = chosen
        return await Answer.of(await self.client.post(path, form=fields, headers=dict(headers or {})))

    async def upload(
        self,
        path: str,
        files: Sequence[tuple[str, str, bytes]],
        form: Mapping[str, str] | None = None,
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> "Answer":
        """Send an upload form: each file is its field, its name and its bytes."""
        chosen = self.token if (token is None) else token
        fields = {**({"csrf_token": chosen} if chosen else {}), **(form or {})}
        kind = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}", **(headers or {})}
        return await Answer.of(await self.client.post(path, data=multipart(fields, files), headers=kind))

    def same_session(self) -> "Person":
        """Another browser with a copy of this one's cookies."""
        return Person(self.app, self.asf_uid, self.token, self.client.cookie_jar or ())

    async def sign_in(self, asf_uid: str = "", **more: str) -> "Answer":
        """Sign in through the form, and take the new session's token from a page."""
        self.asf_uid = asf_uid or self.asf_uid
        answer = await self.post(
            "/sign-in", {"asf_uid": self.asf_uid, **more}, token=token_of(await self.get("/sign-in"))
        )
        self.token = token_of(await self.get("/sign-in"))
        return answer


@dataclasses.dataclass(frozen=True)
class Answer:
    """What came back, whole."""

    status: int
    text: str
    headers: Mapping[str, str]
    cookies: tuple[str, ...]

    @classmethod
    async def of(cls, response: quart.Response) -> "Answer":
        """Read it."""
        return cls(
            response.status_code,
            await response.get_data(as_text=True),
            {name.lower(): value for name, value in response.headers.items()},
            tuple(response.headers.getlist("Set-Cookie")),
        )


class House:
    """The world, the application, the situations, and the people who are signed in."""

    def __init__(self, world: worlds.World, app: quart.Quart, database: pathlib.Path) -> None:
        self.world = world
        self.app = app
        self.places: dict[str, Place] = {}
        self.people: dict[str, Person] = {}
        self._database = database
        self._kept = sqlite3.connect(":memory:")
        # Sees when anybody else has committed.
        self._watch = sqlite3.connect(database)
        self._seen: dict[str, tuple[int, str]] = {}
        self._first = ""

    def keep(self) -> None:
        """Remember the database as it is now."""
        with contextlib.closing(sqlite3.connect(self._database)) as live:
            live.backup(self._kept)
        self._first = self.dump()

    def put_back(self) -> None:
        """Make the database what it was."""
        if self.dump() != self._first:
            with contextlib.closing(sqlite3.connect(self._database)) as live:
                self._kept.backup(live)

    def close(self) -> None:
        """Forget the copy."""
        self._kept.close()
        self._watch.close()

    def dump(self, *, but: str = "") -> str:
        """A digest over every row of every table but this one; read anew only after somebody has committed.

        That somebody was refused is noted, and is not what they were after: those events are left out.
        """
        ((version,),) = self._watch.execute("PRAGMA data_version").fetchall()
        seen, digest = self._seen.get(but, (-1, ""))
        if version != seen:
            found = hashlib.sha256()
            names = self._watch.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall()
            for (name,) in names:
                if name == but:
                    continue
                where = " WHERE what != 'request_refused'" if name == "event" else ""
                found.update(repr((name, self._watch.execute(f'SELECT * FROM "{name}"{where}').fetchall())).encode())
            digest = found.hexdigest()
            self._seen[but] = version, digest
        return digest

    def rows(self, query: str, *values: Any) -> list[Any]:
        """Look into the database."""
        with contextlib.closing(sqlite3.connect(self._database)) as live:
            return live.execute(query, values).fetchall()

    def change(self, statement: str, *values: Any) -> None:
        """Bring about what no page can: rows of an older program, of another committee."""
        with contextlib.closing(sqlite3.connect(self._database)) as live, live:
            live.execute(statement, values)

    def stranger(self) -> Person:
        """A browser that nobody has signed in with."""
        return Person(self.app)

    async def somebody(self, asf_uid: str) -> Person:
        """Somebody in a fresh session."""
        person = Person(self.app, asf_uid)
        await person.sign_in()
        return person

    async def view(self, place: Place, asf_uid: str = MEMBER) -> views.DeploymentView:
        """The row as this person sees it now."""
        return await self.world.row(place.deployment_id, asf_uid)

    async def promote_all_form(self, place: Place, asf_uid: str = MEMBER) -> dict[str, str]:
        """The fields of the page that promotes several, with the version typed."""
        given = {"version": place.version, "stop_at_trouble": "yes"}
        for number in (place.deployment_id - 1, place.deployment_id):
            row = await self.world.row(number, asf_uid)
            given |= {
                f"order-{number}": str(number),
                f"evidence_digest-{number}": row.evidence_digest,
                f"row_version-{number}": str(row.row_version),
            }
        return given

    def voted_digest(self, place: Place) -> str:
        """What the ballot of this release says of its mapped files; empty without a vote."""
        found = self.rows(
            "SELECT file_set_digest FROM ballot_entry WHERE release_key = ? AND kind = 'mapped' ORDER BY id",
            f"{PROJECT}-{place.version}",
        )
        return str(found[-1][0]) if found else ""

    async def promote_form(self, place: Place, asf_uid: str = MEMBER) -> dict[str, str]:
        """The fields of the confirm page, with the version typed."""
        row = await self.view(place, asf_uid)
        return {
            "platform": "MAVEN",
            "deployment_id": str(place.deployment_id),
            "evidence_digest": row.evidence_digest,
            "row_version": str(row.row_version),
            "version": place.version,
        }

    def open_form(self, place: Place) -> dict[str, str]:
        """The fields of the form that opens the vote on what is staged there."""
        key = f"{PROJECT}-{place.version}"
        ((number, revision),) = self.rows(
            "SELECT number, file_set_digest FROM revision_files WHERE release_key = ?", key
        )
        ((staged,),) = self.rows("SELECT file_set_digest FROM deployment WHERE release_key = ?", key)
        entries = [("revision", "", revision), ("mapped", "MAVEN", staged), ("deployment", "MAVEN", staged)]
        return {"revision_number": number, "ballot_digest": ballot.digest(ballot.Entry(*one) for one in entries)}

    def frozen_digest(self, place: Place) -> str:
        """The ballot digest of the newest vote there."""
        wanted = (
            "SELECT kind, platform, file_set_digest FROM ballot_entry JOIN release ON release.key = release_key "
            "WHERE release_key = ? AND vote_seq = current_vote_seq"
        )
        return ballot.digest(ballot.Entry(*one) for one in self.rows(wanted, f"{PROJECT}-{place.version}"))


def multipart(fields: Mapping[str, str], files: Sequence[tuple[str, str, bytes]]) -> bytes:
    """The body of an upload form, as a browser sends it: the fields, then the files."""
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    for field, name, content in files:
        quoted = name.replace("\r", "%0D").replace("\n", "%0A").replace('"', "%22")
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{field}"; filename="{quoted}"\r\n'
        kind = b"Content-Type: application/octet-stream\r\n\r\n"
        parts.append(head.encode("utf-8", "surrogatepass") + kind + content + b"\r\n")
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def token_of(answer: Answer) -> str:
    """The token of the page's forms."""
    found = _TOKEN.search(answer.text)
    return found.group(1) if found else ""


def tree_of(version: str, *, signed: bool = True) -> trees.Tree:
    """The example under another version."""
    files: dict[str, bytes | pathlib.Path] = {}
    for path, content in trees.example(3_000).files.items():
        assert isinstance(content, bytes)
        if signed or not path.endswith(".asc"):
            files[path.replace("2.4.0", version)] = content.replace(b"2.4.0", version.encode())
    where = [
        distribution.coordinates(worlds.MAVEN, _GROUP, name, version) for name in ("widgets-core", "widgets-parent")
    ]
    return trees.Tree(files, tuple(where))


async def furnish(state_dir: pathlib.Path) -> None:
    """Build the house in a directory with a migrated database. It can be copied, and opened many times."""
    async with _inside(state_dir) as house:
        await people.settle_in(house.world.store, (_GROUP,))
        await _hire(house, committers=(*people.MEMBERS, MANAGER, COMMITTER), members=people.MEMBERS)
        for name, build in SITUATIONS.items():
            house.places[name] = await build(house, f"1.{len(house.places)}.0")
        for asf_uid in (MEMBER, OTHER_MEMBER, REMOVED, MANAGER, COMMITTER, ADMIN, ELSEWHERE):
            house.people[asf_uid] = await house.somebody(asf_uid)
        house.people[""] = house.stranger()
        house.people[""].token = token_of(await house.people[""].get("/sign-in"))
        # Only now, so that the session of the removed one was opened before.
        await _hire(
            house,
            committers=(*people.MEMBERS[:2], MANAGER, COMMITTER),
            members=people.MEMBERS[:2],
            name=f"Example {HOSTILE}",
        )
        async with house.world.store.write_as_foundation_admin(ADMIN) as admin:
            await admin.policy.set_project(PROJECT, f"Widgets {HOSTILE}", "example")
        signed_in = {uid: (one.token, [*(one.client.cookie_jar or ())]) for uid, one in house.people.items()}
        (state_dir / _INSIDE).write_bytes(pickle.dumps((house.world.clock.at, house.places, signed_in)))


@contextlib.asynccontextmanager
async def opened(state_dir: pathlib.Path) -> AsyncIterator[House]:
    """Let the house that was built here, or copied to here, be looked at."""
    at, places, signed_in = pickle.loads((state_dir / _INSIDE).read_bytes())
    async with _inside(state_dir, began=at) as house:
        house.places = places
        for asf_uid, (token, cookies) in signed_in.items():
            house.people[asf_uid] = Person(house.app, asf_uid, token, cookies)
        house.keep()
        yield house


@contextlib.asynccontextmanager
async def _inside(state_dir: pathlib.Path, **began: Any) -> AsyncIterator[House]:
    database = state_dir / "atr.db"
    async with worlds.open_world(state_dir, provided.sqlite_url(database), **began) as world:
        settings = config.WebSettings(state_dir=state_dir, sandbox=True, sandbox_url=world.sandbox.portal_url)
        web_database = session.Database(world.settings.database, world.clock)
        store = storage.Storage(web_database, transaction.Place(state_dir, world.store.place.timings))
        house = House(world, server.create_app(settings, store), database)
        try:
            yield house
        finally:
            house.close()
            await web_database.close()


async def _hire(house: House, *, committers: tuple[str, ...], members: tuple[str, ...], name: str = "Example") -> None:
    async with house.world.store.write_as_foundation_admin(ADMIN) as admin:
        await admin.policy.set_committee(
            "example", name, committee_members=members, committers=committers, release_managers=(MANAGER,)
        )


async def _composed(house: House, version: str) -> Place:
    await people.compose(house.world.store, tree_of(version))
    return Place(version)


async def _staging(house: House, version: str, wanted: Any, **tree: bool) -> Place:
    release_key = await people.compose(house.world.store, tree_of(version, **tree))
    number = await people.stage(house.world.store, release_key)
    await house.world.until(number, wanted, seconds=30)
    return Place(version, f"d{number}")


async def _embargoed(house: House, version: str) -> Place:
    """An expedited release with a file."""
    async with house.world.member() as member:
        release_key = await member.release.start(PROJECT, version, expedited=True)
    async with house.world.store.draft(release_key) as draft:
        await draft.add("maven/org/example/widgets/secret/1/secret-1.pom", worlds.stream(b"<project/>"))
        async with house.world.member() as member:
            await member.revision.create(release_key, draft, "The fix")
    return Place(version)


async def _staged(house: House, version: str) -> Place:
    return await _staging(house, version, lambda row: row.proof.staged is not None)


async def _voting(house: House, version: str) -> Place:
    place = await _staged(house, version)
    async with house.world.store.write_as_project_release_manager(PROJECT, MANAGER) as manager:
        await manager.vote.open_vote(f"{PROJECT}-{version}")
        await manager.vote.cast(f"{PROJECT}-{version}", sql.VoteChoice.YES, HOSTILE)
    return place


async def _set_aside(house: House, version: str) -> Place:
    """A candidate whose vote failed, in Compose again."""
    place = await _voting(house, version)
    async with house.world.store.write_as_project_release_manager(PROJECT, MANAGER) as manager:
        await manager.vote_resolution.resolve_failed(f"{PROJECT}-{version}", HOSTILE)
    return place


async def _ready(house: House, version: str) -> Place:
    place = await _staged(house, version)
    await people.vote(house.world.store, f"{PROJECT}-{version}")
    await house.world.work()
    return place


async def _asked(house: House, version: str) -> tuple[Place, views.DeploymentView]:
    place = await _ready(house, version)
    await house.world.promote(place.deployment_id)
    return place, await house.view(place)


async def _requested(house: House, version: str) -> Place:
    return (await _asked(house, version))[0]


async def _sending(house: House, version: str) -> Place:
    place, _ = await _asked(house, version)
    house.world.fault(endpoint="publish", cut=True)
    await house.world.until(place.deployment_id, _State.SENDING, seconds=1)
    return place


async def _publishing(house: House, version: str) -> Place:
    place, row = await _asked(house, version)
    house.world.knob(row, "stick")
    await house.world.until(place.deployment_id, _State.PUBLISHING)
    return place


async def _checking(house: House, version: str) -> Place:
    place, row = await _asked(house, version)
    house.world.knob(row, "withhold-public")
    await house.world.until(place.deployment_id, _State.CHECKING)
    return place


async def _live(house: House, version: str) -> Place:
    place, _ = await _asked(house, version)
    await house.world.live(place.deployment_id)
    return place


async def _refused(house: House, version: str) -> Place:
    place, row = await _asked(house, version)
    house.world.knob(row, "tamper")
    await house.world.until(place.deployment_id, _State.REFUSED)
    return place


async def _refused_by_platform(house: House, version: str) -> Place:
    place, row = await _asked(house, version)
    house.world.knob(row, "fail-publishing", errors=[HOSTILE])
    await house.world.until(place.deployment_id, _State.REFUSED)
    return place


async def _held(house: House, version: str) -> Place:
    place, _ = await _asked(house, version)
    house.world.fault(endpoint="publish", status=403, body=HOSTILE)
    await house.world.until(place.deployment_id, lambda row: "refused the publish request" in row.next_note, seconds=1)
    return place


async def _diverged(house: House, version: str) -> Place:
    place, row = await _asked(house, version)
    house.world.knob(row, "alter-public")
    await house.world.until(place.deployment_id, _State.DIVERGED)
    return place


async def _extra_file(house: House, version: str) -> Place:
    place, _ = await _asked(house, version)
    known = dict(house.world.platform.portal.public.components)
    house.world.platform.portal.put_public(
        f"org/example/widgets/widgets-core/{version}/widgets-core-{version}-all.jar", b"not voted on"
    )
    house.world.platform.portal.public.components = known
    await house.world.until(place.deployment_id, _State.DIVERGED)
    return place


async def _in_doubt(house: House, version: str) -> Place:
    place, row = await _asked(house, version)
    house.world.fault(endpoint="publish", cut=True)
    await house.world.until(place.deployment_id, _State.SENDING, seconds=1)
    house.world.knob(row, "vanish")
    await house.world.until(place.deployment_id, _State.IN_DOUBT, seconds=60)
    return place


async def _aborted(house: House, version: str) -> Place:
    place, row = await _asked(house, version)
    async with house.world.store.write_as_project_committee_member(PROJECT, MEMBER) as member:
        await member.promotions.abort(row.promotion_id or 0, HOSTILE)
    return place


async def _by_other_hand(house: House, version: str) -> Place:
    place = await _ready(house, version)
    house.world.knob(await house.view(place), "publish-by-hand")
    while (await house.view(place)).deployment_state is not _Deployment.PUBLISHED:
        house.world.clock.turn(seconds=900)
        await house.world.work(rounds=1)
    # The worker has it compared by itself; only after somebody stopped that there is something to click.
    row = await house.view(place)
    async with house.world.store.write_as_project_committee_member(PROJECT, MEMBER) as member:
        await member.promotions.abort(row.promotion_id or 0, HOSTILE)
    return place


async def _voted_and_dropped(house: House, version: str) -> Place:
    """Voted on, and then the platform had it no more; its files are in the revision."""
    place = await _ready(house, version)
    async with house.world.member() as member:
        await member.deployments.drop(place.deployment_id, HOSTILE)
    await house.world.until(place.deployment_id, lambda row: row.deployment_state is _Deployment.DROPPED)
    return place


async def _kept(house: House, version: str) -> Place:
    """Staged by a build machine, with a copy of it here."""
    release_key = await people.compose(house.world.store, tree_of(version))
    async with house.world.member() as member:
        await member.policy.edit(PROJECT, keep_copies=True)
    where = next(package for package in tree_of(version).packages if package.package == "widgets-core")
    external_id = await house.world.stage_elsewhere(tree_of(version))
    number = await house.world.record(release_key, external_id, where)
    await house.world.until(number, lambda row: bool(row.copy_sentence), seconds=30)
    async with house.world.member() as member:
        await member.policy.edit(PROJECT, keep_copies=False)
    return Place(version, f"d{number}")


async def _dropped(house: House, version: str) -> Place:
    place = await _staged(house, version)
    async with house.world.store.write_as_project_committee_member(PROJECT, MEMBER) as member:
        await member.deployments.drop(place.deployment_id, HOSTILE)
    await house.world.until(place.deployment_id, lambda row: row.deployment_state is _Deployment.DROPPED)
    return place


async def _strange_word(house: House, version: str) -> Place:
    place, row = await _asked(house, version)
    house.world.knob(row, "show-state", word=HOSTILE)
    await house.world.work()
    return place


async def _lost(house: House, version: str) -> Place:
    house.world.fault(endpoint="upload", cut=True)
    return await _staging(house, version, lambda row: row.deployment_state is _Deployment.LOST)


async def _failed(house: House, version: str) -> Place:
    return await _staging(house, version, lambda row: row.deployment_state is _Deployment.FAILED, signed=False)


async def _upload_refused(house: House, version: str) -> Place:
    house.world.fault(endpoint="upload", status=400, body=HOSTILE)
    return await _staging(house, version, lambda row: row.deployment_state is _Deployment.FAILED)


async def _recorded(house: House, version: str) -> Place:
    """Something of every platform, said to be public, and in another release nothing staged of it."""
    release_key = await people.compose(house.world.store, tree_of(version))
    await people.vote(house.world.store, release_key)
    async with house.world.store.write_as_project_committee_member(PROJECT, MEMBER) as member:
        for platform in distribution.DistributionPlatform:
            owner = (
                "" if (not platform.requires_owner_namespace) else _GROUP if (platform is worlds.MAVEN) else "example"
            )
            where = distribution.coordinates(platform, owner, "widgets-core", version)
            await member.distributions.record(release_key, where, staging=False)
    ((number,),) = house.rows("SELECT id FROM promotion WHERE release_key = ? AND by_hand", release_key)
    return Place(version, f"p{number}")


async def _several(house: House, version: str) -> Place:
    """Two deployments of one release, each ready; the place is the second one's."""
    release_key = await people.compose(house.world.store, tree_of(version))
    whole, number = tree_of(version), 0
    for where in whole.packages:
        part = {path: data for path, data in whole.files.items() if f"/{where.package}/" in path}
        external_id = await house.world.stage_elsewhere(trees.Tree(part, (where,)), name=HOSTILE)
        number = await house.world.record(release_key, external_id, where)
        await house.world.until(number, lambda row: row.proof.staged is not None)
    await people.vote(house.world.store, release_key)
    await house.world.work()
    return Place(version, f"d{number}")


async def _stopped(house: House, version: str) -> Place:
    """The second of two, behind one that was stopped."""
    place = await _several(house, version)
    rows = [await house.world.row(place.deployment_id - 1), await house.view(place)]
    asked = [order.Asked(row.deployment_id or 0, row.evidence_digest, row.row_version) for row in rows]
    async with house.world.store.write_as_project_committee_member(PROJECT, MEMBER) as member:
        first, _ = await member.promotions.promote_all(f"{PROJECT}-{version}", asked, stop_at_trouble=True)
        await member.promotions.abort(first.id or 0, HOSTILE)
    return place


async def _searched(house: House, version: str) -> Place:
    """Somebody looked for something that nobody staged."""
    release_key = await people.compose(house.world.store, tree_of(version))
    async with house.world.store.write_as_project_committee_member(PROJECT, MEMBER) as member:
        await member.deployments.search(release_key, tree_of(version).packages[0])
    await house.world.work()
    return Place(version)


async def _announced(house: House, version: str) -> Place:
    place = await _live(house, version)
    async with house.world.store.write_as_project_release_manager(PROJECT, MANAGER) as manager:
        await manager.announce.announce(f"{PROJECT}-{version}")
    return place


# Those that wait for hours come first, those that would go on by themselves last.
SITUATIONS: Final[Mapping[str, Callable[[House, str], Awaitable[Place]]]] = {
    "lost": _lost,
    "in doubt": _in_doubt,
    "doubted": _in_doubt,
    "published by another hand": _by_other_hand,
    "composed": _composed,
    "embargoed": _embargoed,
    "searched": _searched,
    "failed": _failed,
    "upload refused": _upload_refused,
    "dropped": _dropped,
    "voted and dropped": _voted_and_dropped,
    "kept": _kept,
    "live": _live,
    "announced": _announced,
    "diverged": _diverged,
    "extra file": _extra_file,
    "refused": _refused,
    "refused by the platform": _refused_by_platform,
    "recorded": _recorded,
    "staged": _staged,
    "voting": _voting,
    "set aside": _set_aside,
    "ready": _ready,
    "several": _several,
    "stopped": _stopped,
    "aborted": _aborted,
    "checking": _checking,
    "publishing": _publishing,
    "held": _held,
    "sending": _sending,
    "strange word": _strange_word,
    "requested": _requested,
}
