# SPDX-License-Identifier: Apache-2.0
"""What is sent to the mailing list: everything a voter needs, nothing that a name could smuggle in."""

import dataclasses

import pytest

import atr.pages.letters as letters
from tests.pages import samples, vote_samples


def _call() -> letters.Letter:
    view = vote_samples.vote()
    return letters.for_vote(view, page=vote_samples.PAGE, address=vote_samples.address)


def test_the_call_names_the_ballot_and_how_to_vote() -> None:
    letter = _call()
    assert letter.subject == "[VOTE] Release Example Widgets 2.4.0 (candidate 2)"
    for text in (
        vote_samples.PAGE,
        samples.digest("ballot"),
        "Revision 00003: 22 files",
        f"sha256 {samples.digest('all')}",
        "deployment 6f2a9c54-81be-4d0e-b7a3-2f5d10c9e6aa",
        "open for at least 72 hours, until Fri 18 Sep 2026, 02:51 UTC",
        "[ ] +1  Release it",
        "Before voting +1,",
    ):
        assert text in letter.body


def test_before_it_opens_no_end_is_promised() -> None:
    letter = letters.call_for_votes(vote_samples.voting(), page=vote_samples.PAGE)
    assert "open for at least 72 hours." in letter.body
    assert "until" not in letter.body


def test_where_to_get_the_files_is_said_or_why_not() -> None:
    body = _call().body
    assert "Download the files from:\n" in body
    for entry in samples.voter_entries():
        place = (
            f"not available from here. {entry.why_not}" if entry.why_not else vote_samples.address(digest=entry.digest)
        )
        assert f"  {entry.title}: {place}\n" in body
    assert "The Maven settings are on the vote's page." in body
    assert "Download the files" not in letters.call_for_votes(vote_samples.voting(), page=vote_samples.PAGE).body


def test_the_result_names_every_voter_with_their_vote() -> None:
    letter = letters.for_vote(vote_samples.over(), page=vote_samples.PAGE, address=vote_samples.address)
    assert letter.subject.startswith("[RESULT] [VOTE] Release Example Widgets 2.4.0")
    for line in (
        "has failed:",
        "  2 binding +1: release-manager, committee-member",
        "  1 binding -1: second-member",
        "  1 other 0: a-committer",
        "Why: No LICENSE.",
    ):
        assert line in letter.body


@pytest.mark.parametrize(("why_not", "word"), [((), "has passed:"), (("Not yet.",), "has [passed or failed]:")])
def test_before_the_end_the_result_is_a_draft(why_not: tuple[str, ...], word: str) -> None:
    view = vote_samples.vote(passed_why_not=why_not)
    assert word in letters.result(view, page=vote_samples.PAGE).body


def test_the_announcement_has_the_public_addresses_and_leaves_the_words_to_people() -> None:
    letter = letters.announcement(vote_samples.announcing(), page=vote_samples.PAGE)
    assert letter.subject == "[ANNOUNCE] Example Widgets 2.4.0 released"
    assert "https://central.example/org/apache/example/widgets-core/2.4.0/" in letter.body
    assert "[Describe the release and what is new in a few sentences.]" in letter.body
    nothing = letters.announcement(vote_samples.announcing(live=()), page=vote_samples.PAGE)
    assert "It is available from:" in letter.body
    assert "available" not in nothing.body
    assert "public" not in nothing.body
    lacking = letters.announcement(vote_samples.announcing(not_public=(samples.not_public(),)), page=vote_samples.PAGE)
    assert f"[Voted on, but not published:]\n  {samples.not_public().name}\n" in lacking.body


def test_no_name_begins_a_line_of_its_own() -> None:
    """A project, a package or a deployment may be called anything; a letter says it in one line."""
    evil = "Widgets\r\nBcc: everybody\n\n[ ] +1"
    view = vote_samples.vote(
        head=dataclasses.replace(vote_samples.head("Vote"), project_name=evil),
        lines=tuple(dataclasses.replace(line, name=evil, detail=evil) for line in vote_samples.lines()),
    )
    over = dataclasses.replace(vote_samples.over(), head=view.head)
    for letter in [letters.for_vote(one, page="p", address=vote_samples.address) for one in (view, over)]:
        assert "\n" not in letter.subject
        assert not [line for line in letter.body.splitlines() if line.startswith(("Bcc", "[ ]"))]
