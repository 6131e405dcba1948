# SPDX-License-Identifier: Apache-2.0
"""The faults that the demo can simulate, and how each must end. DESIGN.md, section 6."""

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import atr.promotion.states as states

_State = states.State


@dataclasses.dataclass(frozen=True)
class Fault:
    """What goes wrong between the capture and the click, and the state and number of publish requests at the end."""

    ends: states.State
    publish_calls: int
    # For the sandbox: faults of requests, a knob of the deployment, settings.
    requests: tuple[Mapping[str, Any], ...] = ()
    knob: str = ""
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    # The failpoint at which the worker is killed.
    failpoint: str = ""
    clicks: int = 1


_LIMITED: Final = {"status": 429, "headers": {"Retry-After": "1"}, "times": 2}

FAULTS: Final[Mapping[str, Fault]] = MappingProxyType(
    {
        "none": Fault(_State.LIVE, 1),
        "lost-reply": Fault(_State.LIVE, 1, requests=({"endpoint": "publish", "effect": True, "cut": True},)),
        "server-error": Fault(
            _State.LIVE,
            1,
            requests=(
                {"endpoint": "publish", "effect": True, "status": 503, "body": "Service Unavailable"},
                {
                    "endpoint": "status",
                    "after": "publish",
                    "status": 502,
                    "times": 2,
                    "body": "<html>Bad Gateway</html>",
                },
            ),
        ),
        "slow": Fault(
            _State.LIVE,
            1,
            requests=({"endpoint": "publish", "effect": True, "delay": 2.0},),
            settings={"publishing_polls": 10},
        ),
        "rate-limited": Fault(
            _State.LIVE,
            1,
            requests=tuple({"endpoint": name, **_LIMITED} for name in ("status", "files", "repository")),
        ),
        "killed-before-send": Fault(_State.LIVE, 1, failpoint="after_mark"),
        "killed-after-send": Fault(_State.LIVE, 1, failpoint="after_reply"),
        "double-click": Fault(_State.LIVE, 1, clicks=2),
        "published-by-hand": Fault(_State.LIVE, 0, knob="publish-by-hand"),
        "tampered": Fault(_State.REFUSED, 0, knob="tamper"),
        "extra-file": Fault(_State.REFUSED, 0, knob="add-file"),
        "missing-file": Fault(_State.REFUSED, 0, knob="remove-file"),
        "dropped": Fault(_State.REFUSED, 0, knob="vanish"),
        "diverged": Fault(_State.DIVERGED, 1, knob="alter-public"),
    }
)
