# SPDX-License-Identifier: Apache-2.0
"""Every address of the URL map, bent in each part and with any query: a page for people, never a server error."""

import re
import urllib.parse
from typing import Any, Final

import hypothesis
import pytest
import werkzeug.routing
from hypothesis import strategies

from tests.web import house as houses
from tests.web import routes, test_bodies

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.slow]

_PART: Final = re.compile(r"<(?:\w+:)?(\w+)>")
# Words that pages look for in their queries, beside anything else.
_NAMES: Final = ("page", "deployment_id", "platform", "have", "from", "to", "folder", "return_to", "release", "vote")
_TEXTS: Final = strategies.one_of(strategies.sampled_from(test_bodies.HOSTILE), strategies.text(max_size=40))
_EXAMPLES: Final = 15


def _drawn(strategy: strategies.SearchStrategy[Any]) -> list[Any]:
    """The examples first, outside the loop: hypothesis cannot await."""
    drawn: list[Any] = []

    @hypothesis.settings(
        max_examples=_EXAMPLES, database=None, deadline=None, derandomize=True, phases=[hypothesis.Phase.generate]
    )
    @hypothesis.given(strategy)
    def collect(given: Any) -> None:
        drawn.append(given)

    collect()
    return drawn


def _quoted(text: str) -> str:
    return urllib.parse.quote(text.encode("utf-8", "surrogatepass"), safe="")


def _address(rule: werkzeug.routing.Rule, place: houses.Place, bent: dict[str, str]) -> str:
    values = {"project_key": houses.PROJECT, "version_key": place.version, "row_key": place.row_key} | bent
    return _PART.sub(lambda part: _quoted(values.get(part.group(1), "1")), rule.rule)


@pytest.mark.parametrize(("endpoint", "method"), routes.routes())
async def test_a_bent_address_is_no_fault(built: houses.House, endpoint: str, method: str) -> None:
    (rule,) = [one for one in built.app.url_map.iter_rules() if one.endpoint == endpoint]
    parts = sorted(rule.arguments)
    bent = strategies.dictionaries(strategies.sampled_from(parts), _TEXTS) if parts else strategies.just({})
    query = strategies.lists(strategies.tuples(strategies.sampled_from(_NAMES), _TEXTS), max_size=3)
    who = strategies.sampled_from((houses.MEMBER, houses.ADMIN, ""))
    for one, asked, asf_uid in _drawn(strategies.tuples(bent, query, who)):
        built.put_back()
        person = built.people[asf_uid]
        if endpoint.startswith("post_session"):
            # These end the session, which the others still need.
            person = person.same_session()
        path = _address(rule, built.places["ready"], one)
        path += "?" + "&".join(f"{name}={_quoted(text)}" for name, text in asked)
        answer = await (person.get(path) if method == "GET" else person.post(path, {}))
        assert answer.status < 500, (path, answer.text)
        assert "<script>alert" not in answer.text
