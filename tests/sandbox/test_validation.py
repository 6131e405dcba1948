# SPDX-License-Identifier: Apache-2.0
"""The rules for a bundle, one by one, and their words."""

import hashlib
import pathlib
import stat
import zipfile
from collections.abc import Callable

import pytest

import atr.errors as errors
import atr.sandbox.central_portal.bundle as bundle
import atr.sandbox.central_portal.pom as pom
import atr.sandbox.central_portal.validation as validation
import tests.sandbox.bundles as bundles
from tests.sandbox.clients import STEM, Portal

PURL = "pkg:maven/org.example/thing@1.0"
Change = Callable[[dict[str, bytes]], object]


def examined(tmp_path: pathlib.Path, files: dict[str, bytes]) -> validation.Findings:
    archive = tmp_path / "bundle.zip"
    archive.write_bytes(bundles.zipped(files))
    return validation.examine(archive, tmp_path / "unpacked")


def replaced_pom(data: bytes) -> Change:
    """Another POM, with checksums that fit it."""
    return lambda files: files.update(bundles.with_side_files({f"{STEM}.pom": data}))


def test_a_good_bundle_has_no_errors(tmp_path: pathlib.Path) -> None:
    findings = examined(tmp_path, bundles.component() | bundles.component(artifact="parent", packaging="pom"))
    assert findings.errors == {}
    assert [one.purl for one in findings.components] == ["pkg:maven/org.example/parent@1.0?type=pom", PURL]
    assert (tmp_path / "unpacked" / f"{STEM}.jar").read_bytes() == b"class"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda files: files.pop(f"{STEM}.jar.asc"), "Missing signature for file: thing-1.0.jar"),
        (lambda files: files.update({f"{STEM}.jar.asc": b"binary"}), "Invalid signature for file: thing-1.0.jar"),
        (lambda files: files.pop(f"{STEM}.jar.md5"), "Missing md5 checksum for file: thing-1.0.jar"),
        (lambda files: files.pop(f"{STEM}.pom.sha1"), "Missing sha1 checksum for file: thing-1.0.pom"),
        (lambda files: files.update({f"{STEM}.jar": b"other"}), "Invalid 'md5' checksum for file: thing-1.0.jar"),
        (lambda files: files.update({f"{STEM}.jar": b"other"}), "Invalid 'sha1' checksum for file: thing-1.0.jar"),
        pytest.param(
            lambda files: files.update({f"{STEM}.jar.sha1": b""}),
            "Invalid 'sha1' checksum for file: thing-1.0.jar",
            id="empty-checksum",
        ),
        (
            lambda files: files.update({f"{STEM}.jar.sha512": b"0f"}),
            "Invalid 'sha512' checksum for file: thing-1.0.jar",
        ),
        (
            lambda files: files.update({f"{STEM}.jar.asc.md5": b"0f"}),
            "Invalid 'md5' checksum for file: thing-1.0.jar.asc",
        ),
        (lambda files: files.pop(f"{STEM}-sources.jar"), "Sources must be provided but not found in entries"),
        (lambda files: files.pop(f"{STEM}-javadoc.jar"), "Javadocs must be provided but not found in entries"),
        (
            lambda files: files.update(bundles.with_side_files({"org/example/thing/1.0/readme.txt": b""})),
            "File name 'readme.txt' is not valid",
        ),
        (replaced_pom(bundles.pom(without="name")), "Project name is missing"),
        (replaced_pom(bundles.pom(without="description")), "Project description is missing"),
        (replaced_pom(bundles.pom(without="url")), "Project URL is not defined"),
        (replaced_pom(bundles.pom(without="licenses")), "License information is missing"),
        (replaced_pom(bundles.pom(without="scm")), "SCM URL is not defined"),
        (replaced_pom(bundles.pom(without="developers")), "Developers information is missing"),
        (replaced_pom(b"not xml"), "Invalid POM: The POM cannot be read as XML"),
        (replaced_pom(b"<html/>"), "Invalid POM: The POM's root is not <project>"),
        pytest.param(
            replaced_pom(b'<!DOCTYPE p [<!ENTITY e SYSTEM "file:///etc/hostname">]><project>&e;</project>'),
            "Invalid POM: The POM cannot be read as XML",
            id="entities",
        ),
        (
            replaced_pom(bundles.pom(version="2.0")),
            "Component 'org.example:thing:2.0' in the POM does not match path 'org/example/thing/1.0'",
        ),
    ],
)
def test_each_rule_has_its_sentence(tmp_path: pathlib.Path, change: Change, sentence: str) -> None:
    files = bundles.component()
    change(files)
    findings = examined(tmp_path, files)
    assert list(findings.errors) == [PURL]
    assert sentence in findings.errors[PURL]


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("thing-1.0.jar", "File path '' is not valid for file 'thing-1.0.jar'"),
        ("META-INF/MANIFEST.MF", "File path 'META-INF' is not valid for file 'MANIFEST.MF'"),
        (
            "org/example/thing/maven-metadata.xml",
            "Bundle has content that does NOT have a .pom file: org/example/thing",
        ),
    ],
)
def test_everything_stands_in_the_layout_beside_a_pom(tmp_path: pathlib.Path, path: str, sentence: str) -> None:
    assert examined(tmp_path, {**bundles.component(), path: b""}).errors == {"common": (sentence,)}


def test_snapshots_are_no_releases(tmp_path: pathlib.Path) -> None:
    findings = examined(tmp_path, bundles.component(version="1.0-SNAPSHOT"))
    assert findings.errors == {
        "pkg:maven/org.example/thing@1.0-SNAPSHOT": ("SNAPSHOT versions are not supported",),
    }


@pytest.mark.parametrize("style", ["{}", "{}\n", "{}  thing-1.0.jar\n", "{} *thing-1.0.jar"])
def test_a_checksum_may_name_its_file(tmp_path: pathlib.Path, style: str) -> None:
    files = bundles.component()
    files[f"{STEM}.jar.md5"] = style.format(hashlib.md5(files[f"{STEM}.jar"]).hexdigest().upper()).encode()
    assert examined(tmp_path, files).errors == {}


@pytest.mark.parametrize("name", ["thing-1.0.jar.sigstore.json", "thing-1.0.pom.sigstore"])
def test_a_sigstore_bundle_needs_no_signature(tmp_path: pathlib.Path, name: str) -> None:
    """The plugin that signs with GPG leaves them out: sigstore/sigstore-java#775, sigstore-maven-plugin#116."""
    assert examined(tmp_path, {**bundles.component(), f"org/example/thing/1.0/{name}": b"{}"}).errors == {}


RELOCATED = "<distributionManagement><relocation><artifactId>other</artifactId></relocation></distributionManagement>"


def test_a_relocated_pom_stands_alone(tmp_path: pathlib.Path) -> None:
    """Such a one is on Central: jreleaser/jreleaser discussion 1655."""
    files = bundles.component(packaging="pom", pom_bytes=bundles.pom(extra=RELOCATED))
    findings = examined(tmp_path, files)
    assert (findings.errors, [one.purl for one in findings.components]) == ({}, [PURL])


def test_a_relocated_pom_with_a_jar_needs_its_sources_and_one_without_relocation_its_jar(
    tmp_path: pathlib.Path,
) -> None:
    missing = (
        "Javadocs must be provided but not found in entries",
        "Sources must be provided but not found in entries",
    )
    for number, files in enumerate(
        (
            _without_sources(bundles.component(pom_bytes=bundles.pom(extra=RELOCATED))),
            bundles.component(packaging="pom", pom_bytes=bundles.pom()),
        )
    ):
        (tmp_path / str(number)).mkdir()
        assert examined(tmp_path / str(number), files).errors == {PURL: missing}


@pytest.mark.parametrize(
    ("entry", "wanted"),
    [("META-INF/maven/org.example/thing/pom.xml", 0), ("data/table.csv", 0), ("org/example/Thing.class", 1)],
    ids=["empty", "resources", "classes"],
)
def test_a_jar_without_classes_needs_neither_sources_nor_javadoc(
    tmp_path: pathlib.Path, entry: str, wanted: int
) -> None:
    """What builds report; other sources differ: jreleaser/jreleaser#1289 and #1751, and the platform's own page."""
    jar = bundles.zipped({"META-INF/MANIFEST.MF": b"x", entry: b"x"})
    found = examined(tmp_path, _without_sources(bundles.component(content=jar))).errors
    said = tuple(f"{what} must be provided but not found in entries" for what in ("Javadocs", "Sources"))
    assert found == ({PURL: said} if wanted else {})


def _without_sources(files: dict[str, bytes]) -> dict[str, bytes]:
    return {path: data for path, data in files.items() if not ("-sources." in path or "-javadoc." in path)}


PARENT = "<parent><groupId>org.example</groupId><artifactId>up</artifactId><version>1.0</version></parent>"


@pytest.mark.parametrize(
    "data",
    [
        bundles.pom(parent=PARENT, without="licenses"),
        bundles.pom(group="", version="", parent=PARENT),
        bundles.pom(version="${revision}", extra="<properties><revision>1.0</revision></properties>"),
    ],
    ids=["inherits-licence", "inherits-coordinates", "own-property"],
)
def test_a_pom_may_leave_things_to_its_parent(tmp_path: pathlib.Path, data: bytes) -> None:
    assert examined(tmp_path, bundles.component(pom_bytes=data)).errors == {}


def test_a_pom_is_not_read_without_end() -> None:
    with pytest.raises(errors.InputError, match="larger"):
        pom.read(b" " * (pom.MAX_POM_BYTES + 1))


def test_an_old_pom_has_no_namespace() -> None:
    described = pom.read(bundles.pom().replace(b' xmlns="http://maven.apache.org/POM/4.0.0"', b""))
    assert (described.group, described.packaging, described.missing) == ("org.example", "jar", ())


@pytest.mark.parametrize(
    "path", ["../up.jar", "/etc/passwd", "a//b", "a/./b", "a\\b", "a/\x01b", "", "x" * 2000, "a/../../b", "dir/"]
)
def test_unsafe_paths_are_refused(path: str) -> None:
    with pytest.raises(errors.InputError):
        bundle.check_path(path)


def test_a_bundle_never_writes_outside(tmp_path: pathlib.Path) -> None:
    findings = examined(tmp_path, {"../escaped.txt": b"x", **bundles.component()})
    assert findings.errors == {"common": ("File path '../escaped.txt' is not valid",)}
    assert not (tmp_path / "escaped.txt").exists()
    assert findings.files == {}


def test_links_repeats_and_rubbish_are_refused(tmp_path: pathlib.Path) -> None:
    archive = tmp_path / "bundle.zip"
    with zipfile.ZipFile(archive, "w") as writer:
        link = zipfile.ZipInfo("org/link")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        writer.writestr(link, "/etc/passwd")
    assert validation.examine(archive, tmp_path / "a").errors == {"common": ("File path 'org/link' is a link",)}
    with zipfile.ZipFile(archive, "w") as writer:
        writer.writestr("org/twice", "1")
        with pytest.warns(UserWarning, match="Duplicate"):
            writer.writestr("org/twice", "2")
    assert validation.examine(archive, tmp_path / "b").errors == {"common": ("File path 'org/twice' occurs twice",)}
    with zipfile.ZipFile(archive, "w") as writer:
        writer.writestr("org", "a file")
        writer.writestr("org/below", "needs a folder")
    assert validation.examine(archive, tmp_path / "c").errors == {"common": ("Bundle cannot be unpacked",)}
    with zipfile.ZipFile(archive, "w"):
        pass
    assert validation.examine(archive, tmp_path / "d").errors == {"common": ("Bundle is empty",)}
    whole = bundles.bundle()
    for rubbish in (b"no zip", b"", whole[: len(whole) // 2]):
        archive.write_bytes(rubbish)
        assert validation.examine(archive, tmp_path / "e").errors == {
            "common": ("Bundle is not a readable zip archive",)
        }


@pytest.mark.parametrize("limits", [bundle.Limits(files=15), bundle.Limits(unpacked_bytes=100)])
def test_what_a_bundle_unpacks_to_is_bounded(tmp_path: pathlib.Path, limits: bundle.Limits) -> None:
    archive = tmp_path / "bundle.zip"
    archive.write_bytes(bundles.bundle())
    with pytest.raises(errors.InputError, match="more than"):
        bundle.unpack(archive, tmp_path / "unpacked", limits)
    assert not (tmp_path / "unpacked").exists()


@pytest.mark.parametrize(
    ("group", "owned"),
    [
        ("org.example", True),
        ("org.example.sub", True),
        ("org.examples", False),
        ("org", False),
        ("commons-cli", True),
        ("commons-io", False),
    ],
)
def test_a_namespace_covers_the_groups_below_it(group: str, owned: bool) -> None:  # noqa: FBT001
    assert validation.owns(["org.example", "commons-cli"], group) is owned


async def test_a_foreign_namespace_is_not_allowed(portal: Portal) -> None:
    found = await portal.refused(bundles.zipped(bundles.component(group="org.other")))
    assert found == {"pkg:maven/org.other/thing@1.0": ["Namespace 'org.other' is not allowed"]}


async def test_a_public_version_exists_for_ever(portal: Portal) -> None:
    await portal.live(bundles.bundle())
    found = await portal.refused(bundles.zipped(bundles.component(content=b"another")))
    assert found == {PURL: [f"Component with package url: '{PURL}' already exists"]}


async def test_a_live_deployment_holds_its_coordinates(portal: Portal) -> None:
    first = await portal.stage(bundles.bundle())
    words = "Component with coordinate 'org.example:thing:1.0' is currently being published in another deployment"
    assert await portal.refused(bundles.bundle()) == {PURL: [f"{words} ({first})"]}
    await portal.knob(first, "vanish")
    await portal.stage(bundles.bundle())


async def test_a_failed_deployment_frees_its_coordinates(portal: Portal) -> None:
    await portal.refused(bundles.bundle(lambda files: files.pop(f"{STEM}.jar.asc")))
    await portal.stage(bundles.bundle())


async def test_validated_ones_may_be_told_not_to_hold(portal: Portal) -> None:
    portal.world.settings = portal.world.settings.model_copy(update={"held_by": "publishing"})
    first, second = await portal.stage(bundles.bundle()), await portal.stage(bundles.bundle())
    assert (await portal.publish(first)).status_code == 204
    assert (await portal.publish(second)).status_code == 204
    for deployment_id in (first, second):
        await portal.status(deployment_id)
    assert (await portal.status(first))["deploymentState"] == "PUBLISHED"
    loser = await portal.status(second)
    assert (loser["deploymentState"], loser["errors"]) == (
        "FAILED",
        {PURL: [f"Component with package url: '{PURL}' already exists"]},
    )


@pytest.mark.shared
@pytest.mark.skipif(not bundles.SHARED_TREE.is_dir(), reason="the team's folder shared/ is not here")
async def test_a_real_release_is_valid(portal: Portal) -> None:
    deployment_id = await portal.stage(bundles.commons_cli())
    assert (await portal.status(deployment_id))["purls"] == ["pkg:maven/commons-cli/commons-cli@1.9.0"]
