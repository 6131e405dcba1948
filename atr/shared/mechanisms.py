# SPDX-License-Identifier: Apache-2.0
"""The mechanisms by which a staged deployment becomes public, with their facts. Sources: docs/platforms.md."""

import dataclasses
import enum


@dataclasses.dataclass(frozen=True)
class Facts:
    """Facts that decide how often a request may be sent, what a person is told first, and the order of publishing."""

    # Its name for people.
    name: str
    # A second publish request has no second effect.
    repeatable: bool
    # The files of a deployment cannot change under its id.
    content_pinned: bool
    # Publishing needs a one-time code that a person types.
    needs_code: bool
    # A sentence for the confirmation page, shown before the click.
    undo: str
    # How permanent it is: 1 can be moved back, 2 can be removed for some days, 3 is kept permanently.
    permanence: int
    # The largest upload in bytes; 0 if no limit is known.
    largest_upload: int = 0


@enum.unique
class Mechanism(enum.Enum):
    """One way to make a staged deployment public. The database stores the member's name."""

    # https://central.sonatype.org/publish/publish-portal-api/: an id leaves VALIDATED once, and nothing in the API
    # adds a file to an uploaded bundle.
    CENTRAL_PORTAL = Facts(
        name="Maven Central",
        repeatable=True,
        content_pinned=True,
        needs_code=False,
        undo="This cannot be undone: Maven Central keeps every published version permanently.",
        permanence=3,
        # https://central.sonatype.org/publish/publish-portal-upload/ says 1 GB; clients that check it use 1 GiB.
        largest_upload=1024**3,
    )
    NEXUS_STAGING = Facts(
        name="Nexus staging",
        repeatable=True,
        content_pinned=True,
        needs_code=False,
        undo="Nothing can be undone: what a staging repository releases is kept for good.",
        permanence=3,
    )
    # npm's policy on unpublishing: within 72 hours, and only while no other package depends on the version.
    NPM_STAGE = Facts(
        name="npm staged publishing",
        repeatable=True,
        content_pinned=True,
        needs_code=True,
        undo="A version can be unpublished within 72 hours; its number can never be used again.",
        permanence=2,
    )
    # Anyone with the credential can move a tag between ATR's check and its publish request.
    NPM_DIST_TAG = Facts(
        name="npm dist-tag",
        repeatable=False,
        content_pinned=True,
        needs_code=True,
        undo="The tag can be moved back; the version stays public.",
        permanence=1,
    )
    OCI_TAG = Facts(
        name="container registry",
        repeatable=False,
        content_pinned=False,
        needs_code=False,
        undo="The tag can be moved back; clients that have pulled the image keep it.",
        permanence=1,
    )

    def __init__(self, facts: Facts) -> None:
        self.display_name = facts.name
        self.repeatable = facts.repeatable
        self.content_pinned = facts.content_pinned
        self.needs_code = facts.needs_code
        self.undo = facts.undo
        self.permanence = facts.permanence
        self.largest_upload = facts.largest_upload
