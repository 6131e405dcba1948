# SPDX-License-Identifier: Apache-2.0
"""The policy and the names through their forms: what is wrong stands beside its field, what was typed stays."""

import html
import json
import re
from typing import Any, Final

import hypothesis
import pytest
from hypothesis import strategies

import atr.reasons as reasons
import atr.shared.distribution as distribution
from tests.web import house as houses
from tests.web import test_bodies

pytestmark = pytest.mark.asyncio(loop_scope="session")

_POLICY: Final = f"/policy/{houses.PROJECT}"
_TRY: Final = f"{_POLICY}/try"
_TARGET: Final = f"/target/{houses.PROJECT}"
_DIGEST: Final = re.compile(r'name="digest" value="([0-9a-f]{64})"')


async def _form(person: houses.Person, path: str = _POLICY, **changes: str) -> dict[str, str]:
    """The form as its page has it: the digest, and what a browser would send with it."""
    found = _DIGEST.search((await person.get(path)).text)
    assert found
    base = {"min_hours": "0", "mapping_mavencentral": "maven/**", "remote_mavencentral": "on"}
    if path == _TARGET:
        base = {"platform": "MAVEN", "namespaces": "org.example.widgets", "source": "s", "target": "t"}
    return {"digest": found.group(1), **base, **changes}


def _policy(house: houses.House) -> dict[str, Any]:
    ((hours, mappings, remote, copies),) = house.rows(
        "SELECT min_hours, file_tag_mappings, remote_promotion, keep_copies FROM releasepolicy"
        " JOIN project ON project.release_policy_id = releasepolicy.id WHERE project.key = ?",
        houses.PROJECT,
    )
    return {
        "hours": hours,
        "mappings": {tag: patterns for tag, patterns in json.loads(mappings).items() if patterns},
        "remote": json.loads(remote),
        "copies": bool(copies),
    }


async def test_a_policy_is_saved_with_before_and_after_and_shown_with_its_change(house: houses.House) -> None:
    alice = house.people[houses.MEMBER]
    form = await _form(alice, min_hours="72", keep_copies="on", mapping_npm="npm/*.tgz\n\n  npm/*.tgz \n")
    answer = await alice.post(_POLICY, form)
    assert answer.status == 303
    assert _policy(house) == {
        "hours": 72,
        "mappings": {"mavencentral": ["maven/**"], "npm": ["npm/*.tgz"]},
        "remote": {"mavencentral": True},
        "copies": True,
    }
    page = (await alice.get(_POLICY)).text
    assert "Minimum voting period: 72, was 0." in page
    assert "Copies of captured files: on, was off." in page
    assert "Files for npm: npm/*.tgz, was nothing." in page
    assert (await alice.post(_POLICY, await _form(alice, min_hours="72"))).status == 303
    assert _policy(house)["copies"] is False, "a box that is not ticked is a no"


async def test_what_is_the_policy_already_is_no_event(house: houses.House) -> None:
    alice = house.people[houses.MEMBER]
    await alice.post(_POLICY, await _form(alice))
    events = "SELECT count(*) FROM event WHERE what = 'policy_edited'"
    before = house.rows(events)
    answer = await alice.post(_POLICY, await _form(alice))
    assert (answer.status, house.rows(events)) == (303, before)


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("min_hours", "", "Enter a whole number of hours from 0 to 336."),
        ("min_hours", "337", "Enter a whole number of hours"),
        ("min_hours", "-1", "Enter a whole number of hours"),
        ("min_hours", "1.5", "Enter a whole number of hours"),
        ("mapping_mavencentral", "!maven/**", "would match nothing"),
        ("mapping_mavencentral", "maven/[a", "a [ has no ] after it"),
        ("mapping_npm", "a" * 201, "a pattern has 1 to 200 characters"),
        ("mapping_pypi", "\n".join(f"a{n}" for n in range(21)), "Enter at most 20 patterns; there are 21."),
        ("mapping_pypi", "a\n" * 15_000, "This is too long."),
        ("digest", "0", "This page is out of date."),
    ],
)
async def test_what_is_wrong_stands_beside_its_field_and_what_was_typed_stays(
    house: houses.House, field: str, value: str, sentence: str
) -> None:
    alice = house.people[houses.MEMBER]
    before = house.dump()
    answer = await alice.post(_POLICY, await _form(alice, mapping_dockerhub="typed/**", **{field: value}))
    assert answer.status == 422
    assert sentence.replace("“", "") in answer.text
    if field != "digest":
        assert f'id="{field}-wrong"' in answer.text
        assert f'href="#{field}"' in answer.text
    assert "typed/**" in answer.text
    assert house.dump() == before


async def test_a_policy_that_moved_is_409_with_both_versions_and_saved_when_it_is_meant(house: houses.House) -> None:
    alice, bob = house.people[houses.MEMBER], house.people[houses.OTHER_MEMBER]
    old = await _form(alice, min_hours="48", mapping_npm="mine/**")
    assert (await bob.post(_POLICY, await _form(bob, min_hours="96", mapping_npm="theirs/**"))).status == 303
    answer = await alice.post(_POLICY, old)
    assert answer.status == 409
    said = reasons.of("stale", what="The policy").sentence
    for text in (said, 'value="48"', "mine/**", "Saved now: 96.", "theirs/**", "bob"):
        assert text in answer.text
    assert _policy(house)["hours"] == 96
    found = _DIGEST.search(answer.text)
    assert found
    assert (await alice.post(_POLICY, {**old, "digest": found.group(1)})).status == 303
    assert _policy(house)["hours"] == 48


async def test_an_unsupported_platform_cannot_be_switched_on(house: houses.House) -> None:
    """Not by a form that no page of ours has, either."""
    alice = house.people[houses.MEMBER]
    page = (await alice.get(_POLICY)).text
    for platform in distribution.DistributionPlatform:
        assert (f'name="remote_{platform.gh_slug}"' in page) is platform.supports_remote_promotion
        if not platform.supports_remote_promotion and platform.gh_slug != "npm":
            assert platform.why_not in page
    answer = await alice.post(_POLICY, await _form(alice, remote_pypi="on", min_hours="1"))
    assert answer.status == 303
    assert _policy(house)["remote"].get("pypi", False) is False


async def test_tags_that_name_no_platform_stay_as_they_are(house: houses.House) -> None:
    alice = house.people[houses.MEMBER]
    house.change(
        "UPDATE releasepolicy SET file_tag_mappings = ?",
        json.dumps({"doc": ["docs/**"], "mavencentral": ["maven/**"]}),
    )
    assert "docs/**" in (await alice.get(_POLICY)).text
    assert (await alice.post(_POLICY, await _form(alice, min_hours="5"))).status == 303
    assert _policy(house)["mappings"]["doc"] == ["docs/**"]
    assert "<code>doc</code> (docs/**)" in (await house.people[""].get(_POLICY)).text, "for everybody"


async def test_both_tags_of_maven_central_are_kept_as_written_and_tried_together(house: houses.House) -> None:
    """ATR's workflows fetch the tag `maven`; one was stored under the name of the other."""
    alice = house.people[houses.MEMBER]
    base = await _form(alice, mapping_mavencentral="maven/org/**", mapping_maven="maven/**\nmaven/org/**")
    tried = await alice.post(_TRY, {**base, "release": house.places["composed"].version, "fragment": "1"})
    assert "“maven/**” has no effect: earlier patterns match all of its files" in tried.text, "after those of the slug"
    assert tried.text.count("<h3>Maven Central</h3>") == 1
    assert (await alice.post(_POLICY, base)).status == 303
    assert _policy(house)["mappings"] == {"mavencentral": ["maven/org/**"], "maven": ["maven/**", "maven/org/**"]}
    page = (await alice.get(_POLICY)).text
    assert "Files for Maven Central (tag “maven”): maven/**, maven/org/**, was nothing." in page
    form = await _form(alice, mapping_mavencentral="", mapping_maven="maven/**")
    assert (await alice.post(_POLICY, form)).status == 303
    assert _policy(house)["mappings"] == {"maven": ["maven/**"]}
    wrong = await alice.post(_POLICY, await _form(alice, mapping_maven="maven/[a"))
    assert (wrong.status, 'id="mapping_maven-wrong"' in wrong.text) == (422, True)


async def test_the_saved_mapping_is_tried_for_everybody(house: houses.House) -> None:
    """A stranger sees what goes where in the newest release in Compose, and changes nothing."""
    answer = await house.people[""].get(_POLICY)
    assert "files go there." in answer.text
    assert "org/example/widgets/widgets-core/" in answer.text
    assert "source-release.zip" in answer.text
    assert "<textarea" not in answer.text
    place = house.places["composed"]
    one = await house.people[""].get(f"{_POLICY}?release={place.version}")
    assert f"{place.version}, revision" in one.text
    assert (await house.people[""].get(f"{_POLICY}?release=7.7.7")).status == 404


@pytest.mark.parametrize(
    ("patterns", "sentences"),
    [
        ("nothing/**", ["The patterns match no file", "“nothing/**” matches no file of this revision."]),
        ("maven/**\nmaven/org/**", ["“maven/org/**” has no effect: earlier patterns match all of its files"]),
        ("**/widgets-core-*.pom\n**", ["not fit the platform's layout", "source-release.zip"]),
        (
            "maven/org/example/**",
            ["packages are outside the project's namespaces", "is outside the project's namespaces."],
        ),
        ("", ["There are no patterns"]),
    ],
)
async def test_what_a_mapping_would_do_is_said_before_it_is_saved(
    house: houses.House, patterns: str, sentences: list[str]
) -> None:
    """With the whole page, and as the fragment that the script asks for; nothing is changed."""
    alice = house.people[houses.MEMBER]
    before = house.dump()
    form = await _form(alice, mapping_mavencentral=patterns, release=house.places["composed"].version)
    whole = await alice.post(_TRY, form)
    part = await alice.post(_TRY, {**form, "fragment": "1"})
    assert (whole.status, part.status) == (200, 200)
    for sentence in sentences:
        assert sentence in html.unescape(whole.text)
        assert sentence in html.unescape(part.text)
    assert "<!doctype" not in part.text
    assert house.dump() == before


async def test_two_files_for_one_path_are_both_named(house: houses.House) -> None:
    """One file of the revision stands at another top folder with the same rest."""
    alice = house.people[houses.MEMBER]
    place = house.places["composed"]
    ((digest, path),) = house.rows(
        "SELECT file_set_file.digest, file_set_file.path"
        " FROM file_set_file JOIN revision_files ON digest = file_set_digest"
        " WHERE release_key = ? AND path LIKE 'maven/%.pom' LIMIT 1",
        f"{houses.PROJECT}-{place.version}",
    )
    other = path.replace("maven/", "more/")
    house.change("INSERT INTO file_set_file (digest, path, size, sha256) VALUES (?, ?, 1, ?)", digest, other, "0" * 64)
    form = await _form(alice, mapping_mavencentral="maven/**\nmore/**", release=place.version, fragment="1")
    answer = await alice.post(_TRY, form)
    assert "1 more stands where one stands already" in answer.text
    assert f"{path} and {other} are both mapped to {path.removeprefix('maven/')}." in answer.text


async def test_only_committers_have_patterns_tried(house: houses.House) -> None:
    """Whoever only looks gets the saved ones: patterns of strangers would cost us time."""
    for asf_uid in ("", houses.ELSEWHERE, houses.ADMIN):
        assert (await house.people[asf_uid].post(_TRY, {"mapping_npm": "**"})).status == 403
    assert (await house.people[houses.COMMITTER].post(_TRY, {"mapping_npm": "**"})).status == 200


# The names


async def test_names_are_set_with_before_and_after(house: houses.House) -> None:
    erin = house.people[houses.ADMIN]
    answer = await erin.post(_TARGET, await _form(erin, _TARGET, namespaces="org.example.widgets\norg.example.more"))
    assert answer.status == 303
    page = (await house.people[""].get(_TARGET)).text
    assert "org.example.more" in page
    assert "Names: org.example.widgets, org.example.more, was org.example.widgets." in page
    listing = await erin.get("/targets")
    assert "org.example.more" in listing.text
    assert 'href="/targets"' in (await erin.get("/releases")).text
    assert 'href="/targets"' not in (await house.people[houses.MEMBER].get("/releases")).text


@pytest.mark.parametrize(
    ("changes", "field", "sentence"),
    [
        ({"namespaces": ""}, "namespaces", "Enter one or more groupIds"),
        ({"namespaces": "org..x"}, "namespaces", "Each part of a groupId"),
        ({"namespaces": "org.x y"}, "namespaces", "A groupId has letters, digits"),
        ({"namespaces": "a" * 256}, "namespaces", "longer than 255 characters"),
        ({"namespaces": "\n".join(f"org.x{n}" for n in range(51))}, "namespaces", "Enter at most 50"),
        ({"source": "x" * 201}, "source", "at most 200 characters"),
        ({"target": "a\u202eb"}, "target", "invisible character"),
        ({"platform": "PYPI"}, "platform", "PyPI publishes every upload immediately"),
        ({"platform": "x"}, "platform", "Choose a value from the list."),
    ],
)
async def test_names_that_cannot_be_used_are_said_beside_the_field(
    house: houses.House, changes: dict[str, str], field: str, sentence: str
) -> None:
    erin = house.people[houses.ADMIN]
    before = house.dump()
    answer = await erin.post(_TARGET, await _form(erin, _TARGET, **changes))
    assert answer.status == 422
    if field != "platform":
        assert sentence in answer.text
        assert f'id="{field}-wrong"' in answer.text
    assert house.dump() == before


async def test_names_of_two_committees_stay_apart(house: houses.House) -> None:
    """Above, below or the same; a committee's own projects may overlap, and see that they do."""
    erin = house.people[houses.ADMIN]
    async with house.world.admin() as admin:
        await admin.policy.set_project("theirs", "Theirs", "elsewhere")
        await admin.policy.set_project("ours", "Ours", "example")
    for name in ("org.example.widgets", "org.example", "org", "org.example.widgets.more"):
        found = _DIGEST.search((await erin.get("/target/theirs")).text)
        assert found
        answer = await erin.post("/target/theirs", {"platform": "MAVEN", "digest": found.group(1), "namespaces": name})
        assert answer.status == 422
        assert f"{name} overlaps with org.example.widgets, which belongs to" in answer.text
    found = _DIGEST.search((await erin.get("/target/ours")).text)
    assert found
    fields = {"platform": "MAVEN", "digest": found.group(1), "namespaces": "org.example.widgets.more"}
    assert (await erin.post("/target/ours", fields)).status == 303
    assert "These overlap with namespaces of other projects" in (await erin.get(_TARGET)).text
    near = {**fields, "digest": _DIGEST.search((await erin.get("/target/theirs")).text).group(1)}  # type: ignore[union-attr]
    assert (await erin.post("/target/theirs", {**near, "namespaces": "org.example.widgetsmore"})).status == 303


async def test_what_would_lie_outside_is_shown_and_done_only_when_it_is_meant(house: houses.House) -> None:
    erin = house.people[houses.ADMIN]
    before = house.dump()
    form = await _form(erin, _TARGET, namespaces="org.example.gadgets")
    answer = await erin.post(_TARGET, form)
    assert answer.status == 409
    assert "would be outside and could not be promoted" in answer.text
    assert "org.example.widgets:widgets-core:" in answer.text
    assert "org.example.gadgets" in answer.text
    assert house.dump() == before
    assert (await erin.post(_TARGET, {**form, "outside_is_meant": "on"})).status == 303
    assert "would be outside and could not be promoted" in (await erin.get(_TARGET)).text


async def test_names_that_moved_are_409(house: houses.House) -> None:
    erin = house.people[houses.ADMIN]
    old = await _form(erin, _TARGET, namespaces="org.example.widgets\norg.mine")
    newer = await _form(erin, _TARGET, namespaces="org.example.widgets\norg.theirs")
    assert (await erin.post(_TARGET, newer)).status == 303
    answer = await erin.post(_TARGET, old)
    assert answer.status == 409
    for text in (reasons.of("stale", what="The namespaces").sentence, "org.mine", "org.theirs"):
        assert text in answer.text


# Anything


_FIELDS: Final = (
    *(
        "digest",
        "min_hours",
        "keep_copies",
        "release",
        "fragment",
        "mapping_mavencentral",
        "mapping_maven",
        "mapping_npm",
    ),
    *("remote_mavencentral", "remote_pypi", "platform", "namespaces", "source", "target", "outside_is_meant"),
    "return_to",
)
_VALUES: Final = strategies.one_of(
    strategies.sampled_from((*test_bodies.HOSTILE, "maven/**", "*a" * 90, "org.example", "[z-a]", "//evil", "on")),
    strategies.text(max_size=60),
)
_SITUATIONS: Final = strategies.sampled_from((houses.MEMBER, houses.ADMIN, houses.COMMITTER, ""))


@pytest.mark.slow
@pytest.mark.parametrize("page", [_POLICY, _TRY, _TARGET, f"/readiness/{houses.PROJECT}/1.3.0"])
async def test_whatever_a_form_holds_is_no_fault_of_ours(built: houses.House, page: str) -> None:
    """Never a 5xx; what is refused changes nothing; nothing that was typed runs."""
    sent: list[Any] = []
    fields = strategies.dictionaries(strategies.sampled_from(_FIELDS), _VALUES, max_size=6)
    _draw(strategies.tuples(fields, _SITUATIONS, strategies.booleans()), sent)
    for given, asf_uid, fresh in sent:
        built.put_back()
        person = built.people[asf_uid]
        form = dict(given)
        if fresh and page in {_POLICY, _TARGET} and (asf_uid in {houses.MEMBER, houses.ADMIN}):
            found = _DIGEST.search((await person.get(page)).text)
            form |= {"digest": found.group(1)} if found else {}
        before = built.dump()
        body = "&".join(f"{name}={test_bodies._percent(value)}" for name, value in form.items())
        answer = await test_bodies._send(person, page, f"csrf_token={person.token}&{body}".encode())
        assert answer.status in {200, 303, 403, 404, 409, 413, 422, 400}, (form, answer.text)
        if answer.status != 303:
            assert built.dump() == before, form
        assert "<script>alert" not in answer.text
        assert not answer.headers.get("location", "").startswith("//")


def _draw(strategy: strategies.SearchStrategy[Any], sent: list[Any]) -> None:
    """The examples first, outside the loop: hypothesis cannot await."""

    @hypothesis.settings(
        max_examples=60, database=None, deadline=None, derandomize=True, phases=[hypothesis.Phase.generate]
    )
    @hypothesis.given(strategy)
    def collect(given: Any) -> None:
        sent.append(given)

    collect()
