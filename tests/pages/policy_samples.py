# SPDX-License-Identifier: Apache-2.0
"""The policy, the mapping tried and the names, as the readers make them."""

import dataclasses
from typing import Any, Final

import atr.pages.changes as changes
import atr.pages.policy as policy_page
import atr.pages.targets as targets_page
import atr.reasons as reasons
from tests.pages import samples

OUTSIDE: Final = (reasons.of("would-be-outside", version="2.4.0", deployment="6f2a", packages="org.y:b:1"),)
_MAPPINGS: Final = (("mavencentral", ("maven/**", "extra/*.jar")), ("maven", ("maven/**",)))


def change(*sentences: str) -> changes.Change:
    return changes.Change(samples.ago(90), "committee-member", sentences)


def policy(**changes: Any) -> policy_page.PolicyView:
    """What a member of the committee sees."""
    sample = policy_page.PolicyView(
        project_key="example-widgets",
        project_name="Apache Example Widgets",
        committee_name="Example",
        min_hours=72,
        keep_copies=True,
        platforms=(
            policy_page.PolicyPlatform("mavencentral", "Maven Central", "", True, _MAPPINGS),  # noqa: FBT003
            policy_page.PolicyPlatform("pypi", "PyPI", "PyPI publishes immediately.", False, (("pypi", ()),)),  # noqa: FBT003
        ),
        other_tags=(("doc", ("docs/**",)),),
        digest="0" * 64,
        edit_why_not="",
        may_try=True,
        changes=(
            change("Minimum voting period: 72, was 0.", "Remote promotion to Maven Central: on, was off."),
            change(),
        ),
        releases=(("2.4.0", "2.4.0, in Compose"), ("2.3.1", "2.3.1, in Vote")),
    )
    return dataclasses.replace(sample, **changes)


def trial(**changes: Any) -> policy_page.TrialView:
    """One platform where all is well, one where much is not."""
    well = policy_page.TrialPlatform(
        name="Maven Central",
        css="passed",
        sentence="2 files go there.",
        problems=(),
        placed=(("org/x/a/1/a-1.jar", "maven/org/x/a/1/a-1.jar"), ("org/x/a/1/a-1.pom", "maven/org/x/a/1/a-1.pom")),
        placed_total=2,
        sides=4,
        skipped=("source-release.zip",),
        skipped_total=1,
        packages=(policy_page.TrialPackage("org.x:a:1", True),),  # noqa: FBT003
        packages_total=1,
    )
    ill = dataclasses.replace(
        well,
        name="npm",
        css="refused",
        sentence="3,000 files go there, but 1 stand where another one stands.",
        problems=("a/x.jar and b/x.jar are both mapped to x.jar.", "“c/**” matches no file of this revision."),
        placed_total=3_000,
        skipped_total=40,
        packages=(
            policy_page.TrialPackage("org.y:b:1", False),  # noqa: FBT003
            policy_page.TrialPackage("org.z:c:1", None),
        ),
        packages_total=2,
    )
    sample = policy_page.TrialView("2.4.0", "00003", 3_041, "", (well, ill))
    return dataclasses.replace(sample, **changes)


def target(**changes: Any) -> targets_page.TargetView:
    """What a foundation admin sees."""
    sample = targets_page.TargetView(
        project_key="example-widgets",
        project_name="Apache Example Widgets",
        committee_name="Example",
        platforms=(
            targets_page.TargetPlatform(
                member="MAVEN",
                name="Maven Central",
                namespaces=("org.apache.example",),
                source="the Central Portal",
                target="",
                set_by="an-admin",
                set_at=samples.ago(400),
                digest="0" * 64,
                overlaps=(("example-gadgets", "Apache Example Gadgets", "org.apache.example.gadgets"),),
                outside=OUTSIDE,
            ),
        ),
        edit_why_not="",
        changes=(change("Names: org.apache.example, was nothing."),),
    )
    return dataclasses.replace(sample, **changes)


def targets(**changes: Any) -> targets_page.TargetList:
    sample = targets_page.TargetList(
        (
            targets_page.TargetLine(
                "example-widgets", "Example Widgets", "Example", (("Maven Central", ("org.x", "org.y")),)
            ),
            targets_page.TargetLine("gadgets", "Gadgets", "Elsewhere", ()),
        )
    )
    return dataclasses.replace(sample, **changes)
