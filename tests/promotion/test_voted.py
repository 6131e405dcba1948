# SPDX-License-Identifier: Apache-2.0
"""The measure of a release: each voted file counted once, and live only what was proved public."""

import atr.promotion.voted as voted
import atr.shared.distribution as distribution
import atr.shared.layouts as layouts

_Platform = distribution.DistributionPlatform
_CORE, _CLI = "org/example/core/1.0/core-1.0.jar", "org/example/cli/2.0/cli-2.0.jar"


def entry(
    digest: str, *parts: tuple[str, int, int], is_mapped: bool = False, platform: _Platform = _Platform.MAVEN
) -> voted.Entry:
    return voted.Entry(platform, digest, is_mapped, tuple(voted.Part(*part) for part in parts))


def test_nothing_voted_on_has_no_measure() -> None:
    measure = voted.measured([], layouts.BUILT)
    assert (measure.sets, measure.not_public) == ((), ())


def test_all_of_one_set_is_public() -> None:
    measure = voted.measured([entry("a", (_CORE, 4, 4))], layouts.BUILT)
    assert (measure.count, measure.not_public) == ("1 of 1 voted file set is live", ())


def test_what_is_not_public_is_named_by_packages_platform_and_files() -> None:
    measure = voted.measured(
        [entry("a", (_CORE, 1_200, 0), (_CLI, 3, 3)), entry("b", ("org/x/y/1/y-1.pom", 1, 0))], layouts.BUILT
    )
    assert measure.count == "0 of 2 voted file sets are live"
    assert [one.name for one in measure.not_public] == [
        "org.example:core:1.0 on Maven Central (1,200 files)",
        "org.x:y:1 on Maven Central (1 file)",
    ]
    assert [(one.files, one.not_public) for one in measure.sets] == [(1_203, 1_200), (1, 1)]


def test_equal_sets_are_one() -> None:
    both = [entry("a", (_CORE, 4, 0)), entry("a", (_CORE, 4, 0), is_mapped=True)]
    assert len(voted.measured(both, layouts.BUILT).sets) == 1


def test_a_mapped_set_that_deployments_cover_together_is_none_of_its_own() -> None:
    mapped = entry("m", (_CORE, 4, 4), (_CLI, 3, 0), is_mapped=True)
    measure = voted.measured([mapped, entry("a", (_CORE, 4, 4)), entry("b", (_CLI, 3, 0))], layouts.BUILT)
    assert [(one.digest, one.not_public) for one in measure.sets] == [("a", 0), ("b", 3)]


def test_what_a_mapped_set_holds_besides_counts_for_itself() -> None:
    mapped = entry("m", (_CORE, 4, 4), (_CLI, 3, 0), is_mapped=True)
    measure = voted.measured([mapped, entry("a", (_CORE, 4, 4))], layouts.BUILT)
    assert [(one.digest, one.files, one.not_public) for one in measure.sets] == [("a", 4, 0), ("m", 3, 3)]


def test_the_same_directory_on_two_platforms_is_two() -> None:
    two = [entry("a", (_CORE, 4, 4)), entry("a", (_CORE, 4, 0), platform=_Platform.NPM)]
    measure = voted.measured(two, layouts.BUILT)
    assert (len(measure.sets), len(measure.unprovable)) == (1, 1)


def test_what_nobody_can_prove_holds_nothing() -> None:
    measure = voted.measured([entry("a", ("widgets-1.0.tgz", 1, 0), platform=_Platform.NPM)], layouts.BUILT)
    assert (measure.sets, measure.not_public) == ((), ())
    (one,) = measure.unprovable
    assert (one.packages, one.name) == ((), "npm (1 file)")


def test_a_path_that_is_no_package_counts_by_its_files() -> None:
    (one,) = voted.measured([entry("a", ("readme.txt", 2, 0), (_CORE, 4, 0))], layouts.BUILT).not_public
    assert one.name == "org.example:core:1.0 on Maven Central (6 files)"
    (one,) = voted.measured([entry("a", ("readme.txt", 2, 0))], layouts.BUILT).not_public
    assert one.name == "Maven Central (2 files)"
