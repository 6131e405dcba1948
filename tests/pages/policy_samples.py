# SPDX-License-Identifier: Apache-2.0
"""The policy, the mapping tried and the names, as the readers make them."""

import dataclasses
from typing import Any, Final

import atr.models.policy_views as views
from tests.pages import samples

_MAPPINGS: Final = (("mavencentral", ("maven/**", "extra/*.jar")), ("maven", ("maven/**",)))


def change(*sentences: str) -> views.Change:
    return views.Change(samples.ago(90), "committee-member", sentences)


def policy(**changes: Any) -> views.PolicyView:
    """What a member of the committee sees."""
    sample = views.PolicyView(
        project_key="example-widgets",
        project_name="Apache Example Widgets",
        committee_name="Example",
        min_hours=72,
        keep_copies=True,
        platforms=(
            views.PolicyPlatform("mavencentral", "Maven Central", True, "", True, _MAPPINGS),  # noqa: FBT003
            views.PolicyPlatform("pypi", "PyPI", False, "PyPI publishes immediately.", False, (("pypi", ()),)),  # noqa: FBT003
        ),
        other_tags=(("doc", ("docs/**",)),),
        digest="0" * 64,
        may_edit=True,
        edit_why_not="",
        may_try=True,
        changes=(
            change("Minimum voting period: 72, was 0.", "Remote promotion to Maven Central: on, was off."),
            change(),
        ),
        releases=(("2.4.0", "2.4.0, in Compose"), ("2.3.1", "2.3.1, in Vote")),
    )
    return dataclasses.replace(sample, **changes)


def trial(**changes: Any) -> views.TrialView:
    """One platform where all is well, one where much is not."""
    well = views.TrialPlatform(
        slug="mavencentral",
        name="Maven Central",
        css="passed",
        sentence="2 files go there.",
        problems=(),
        placed=(("org/x/a/1/a-1.jar", "maven/org/x/a/1/a-1.jar"), ("org/x/a/1/a-1.pom", "maven/org/x/a/1/a-1.pom")),
        placed_total=2,
        sides=4,
        skipped=("source-release.zip",),
        skipped_total=1,
        packages=(views.TrialPackage("org.x:a:1", True),),  # noqa: FBT003
        packages_total=1,
    )
    ill = dataclasses.replace(
        well,
        slug="npm",
        name="npm",
        css="refused",
        sentence="3,000 files go there, but 1 stand where another one stands.",
        problems=("a/x.jar and b/x.jar are both mapped to x.jar.", "“c/**” matches no file of this revision."),
        placed_total=3_000,
        skipped_total=40,
        packages=(
            views.TrialPackage("org.y:b:1", False),  # noqa: FBT003
            views.TrialPackage("org.z:c:1", None),
        ),
        packages_total=2,
    )
    sample = views.TrialView("2.4.0", "00003", 3_041, "", (well, ill))
    return dataclasses.replace(sample, **changes)


def target(**changes: Any) -> views.TargetView:
    """What a foundation admin sees."""
    sample = views.TargetView(
        project_key="example-widgets",
        project_name="Apache Example Widgets",
        committee_name="Example",
        platforms=(
            views.TargetPlatform(
                member="MAVEN",
                name="Maven Central",
                namespaces=("org.apache.example",),
                source="the Central Portal",
                target="",
                set_by="an-admin",
                set_at=samples.ago(400),
                digest="0" * 64,
                overlaps=(("example-gadgets", "Apache Example Gadgets", "org.apache.example.gadgets"),),
                outside=("2.4.0, deployment 6f2a: org.y:b:1 would be outside and could not be promoted.",),
            ),
        ),
        may_edit=True,
        edit_why_not="",
        changes=(change("Names: org.apache.example, was nothing."),),
    )
    return dataclasses.replace(sample, **changes)


def targets(**changes: Any) -> views.TargetList:
    sample = views.TargetList(
        (
            views.TargetLine("example-widgets", "Example Widgets", "Example", (("Maven Central", ("org.x", "org.y")),)),
            views.TargetLine("gadgets", "Gadgets", "Elsewhere", ()),
        )
    )
    return dataclasses.replace(sample, **changes)
