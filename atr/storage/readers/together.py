# SPDX-License-Identifier: Apache-2.0
"""Promote all: what is ready, in which order, and what is left out and why."""

from collections.abc import Mapping, Sequence

import atr.models.finish_views as finish_views
import atr.models.views as views
import atr.promotion.order as order
import atr.promotion.states as states
import atr.storage.readers.acts as acts
import atr.storage.readers.deployments as deployments
import atr.storage.readers.not_public as not_public
import atr.storage.readers.releases as releases
import atr.storage.transaction as transaction


async def promote_all(read: transaction.Transaction, project_key: str, version_key: str) -> finish_views.PromoteAllView:
    """What would be promoted by one form. Raises NotFoundError."""
    head = await releases.head(read, project_key, version_key)
    every = await deployments.all_of(read, head.release_key)
    ready = {row.deployment_id or 0: row for row in every if acts.is_ready(row)}
    candidates = [
        order.Candidate(number, row.mechanism, frozenset(package.purl for package in row.packages))
        for number, row in ready.items()
    ]
    twins = order.twins(candidates)
    chosen = order.in_order([one for one in candidates if one.deployment_id not in twins])
    rows = tuple(ready[one.deployment_id] for one in chosen)
    left_out = [(row, _why_not(row, twins)) for row in every if row not in rows]
    return finish_views.PromoteAllView(
        head=head,
        rows=rows,
        left_out=tuple((_name(row), not_public.anchor(row), why) for row, why in left_out if why),
        why_not=_not_you(every) if not rows else "",
        undo=tuple(dict.fromkeys(row.mechanism.undo for row in rows)),
    )


def _name(row: views.DeploymentView) -> str:
    return f"{row.packages_line} on {row.platform.display_name}"


def _why_not(row: views.DeploymentView, twins: Mapping[int, int]) -> str:
    """Why it is left out; empty for what is done or given up, of which nothing needs to be said."""
    twin = twins.get(row.deployment_id or 0)
    if twin is not None:
        return f"Deployment {twin} is newer and contains the same package. Only one of them can be published."
    if (row.state is states.State.LIVE) or not_public.is_given_up(row):
        return ""
    if (row.state is not None) and (row.state in states.HOLDING):
        return f"Already {row.standing.word.lower()}."
    if row.blockers:
        return row.blockers[0].sentence
    return row.next_sentence


def _not_you(rows: Sequence[views.DeploymentView]) -> str:
    waiting = any(row.standing.css == "ready" for row in rows)
    if waiting:
        return "Only committee members can promote."
    return "No deployment is ready to be promoted."
