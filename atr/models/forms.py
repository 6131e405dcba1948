# SPDX-License-Identifier: Apache-2.0
"""The forms, parsed and checked before any use of storage. Each problem is shown next to its field."""

import re
import unicodedata
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Self

import pydantic

import atr.errors as errors
import atr.promotion.order as order
import atr.shared.distribution as distribution

# Control characters, and marks that change the text direction: https://www.unicode.org/reports/tr9/#Table_Bidirectional_Character_Types
_CONTROL: Final = frozenset({"Cc", "Cs"})
_TURNING: Final = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})
_SPACES: Final = frozenset("\t\r\n")
_SENTENCES: Final = {
    "missing": "This field is required.",
    "string_too_short": "This field is required.",
    "string_too_long": "This is too long.",
    "int_parsing": "This is not a number.",
    "int_parsing_size": "This is not a number.",
    "greater_than_equal": "This is not a number.",
    "less_than_equal": "This is not a number.",
    "literal_error": "Choose a value from the list.",
    "value_error": "This contains invisible characters. Type it again.",
    "string_pattern_mismatch": "This value is not valid. Reload the page.",
}


def printed(text: str) -> str:
    """Return the text. Raises ValueError for control characters, and for marks that change the text direction."""
    for character in text:
        control = (unicodedata.category(character) in _CONTROL) and (character not in _SPACES)
        if control or (unicodedata.bidirectional(character) in _TURNING):
            raise ValueError(f"U+{ord(character):04X}")
    return text


Text = Annotated[
    str, pydantic.StringConstraints(strip_whitespace=True, max_length=500), pydantic.AfterValidator(printed)
]
Needed = Annotated[
    str,
    pydantic.StringConstraints(strip_whitespace=True, min_length=1, max_length=500),
    pydantic.AfterValidator(printed),
]
_Number = Annotated[int, pydantic.Field(ge=1, le=2**53)]
_Digest = Annotated[str, pydantic.StringConstraints(pattern=r"^[0-9a-f]{64}$")]
# SQLite's integers end at 19 digits.
_ROW_FIELD: Final = re.compile(r"(order|evidence_digest|row_version)-([1-9][0-9]{0,14})")
_Count = Annotated[int, pydantic.Field(ge=0, le=2**53)]
_Comment = Annotated[
    str, pydantic.StringConstraints(strip_whitespace=True, max_length=4_000), pydantic.AfterValidator(printed)
]


class FormError(errors.InputError):
    """The problems of a form, by field. The page is shown again with them."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__(" ".join(f"{field.replace('_', ' ')}: {text}" for field, text in problems.items()))
        self.problems = dict(problems)


class Form(pydantic.BaseModel):
    """A form. Unknown fields are ignored; the others are checked strictly."""

    model_config = pydantic.ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    @classmethod
    def parse(cls, given: Mapping[str, str]) -> Self:
        """Return the form. Raises FormError with a sentence for each field with a problem."""
        try:
            return cls.model_validate(dict(given))
        except pydantic.ValidationError as error:
            raise FormError({_field(one): _sentence(one) for one in error.errors()}) from error


class DistributionPromoteForm(Form):
    """Promote a staged deployment: what the person saw, and the version that they typed."""

    platform: Needed
    deployment_id: _Number
    evidence_digest: _Digest
    row_version: _Number
    version: Needed
    # The one-time code, if the mechanism may require one. People paste it with spaces.
    code: Annotated[Text, pydantic.BeforeValidator(lambda text: "".join(text.split()))] = ""


class PromoteAllRow(Form):
    """One deployment of the form that promotes several: its position in the order, and what the person saw."""

    order: _Number
    evidence_digest: _Digest
    row_version: _Number


class PromoteAllForm(Form):
    """Promote several staged deployments, one after the other. Fields of a row end in its number: `order-4`."""

    version: Needed
    # Ticked is "yes"; a browser sends nothing for an empty box.
    stop_at_trouble: Literal["yes", ""] = ""
    rows: Annotated[dict[int, PromoteAllRow], pydantic.Field(max_length=200)]

    @classmethod
    def parse(cls, given: Mapping[str, str]) -> Self:
        """Return the form. Raises FormError, with the problems of a row under the names of its fields."""
        rows: dict[int, dict[str, str]] = {}
        for name, value in given.items():
            match = _ROW_FIELD.fullmatch(name)
            if match is not None:
                rows.setdefault(int(match.group(2)), {})[match.group(1)] = value
        parsed: dict[int, PromoteAllRow] = {}
        problems: dict[str, str] = {}
        for number, fields in rows.items():
            try:
                parsed[number] = PromoteAllRow.parse(fields)
            except FormError as error:
                problems |= {f"{field}-{number}": text for field, text in error.problems.items()}
        try:
            form = cls.model_validate({**given, "rows": parsed})
        except pydantic.ValidationError as error:
            problems |= {_field(one): _sentence(one) for one in error.errors()}
        if problems:
            raise FormError(problems)
        return form

    @property
    def asked(self) -> tuple[order.Asked, ...]:
        """The requested deployments, in the person's order. Raises InputError if two have the same number."""
        numbers = order.by_number({deployment_id: row.order for deployment_id, row in self.rows.items()})
        return tuple(order.Asked(one, self.rows[one].evidence_digest, self.rows[one].row_version) for one in numbers)


class DistributionSearchForm(Form):
    """Search by coordinates for a deployment that was staged without ATR."""

    platform: Needed
    owner_namespace: Text = ""
    package: Needed
    version: Needed

    @property
    def coordinates(self) -> distribution.Coordinates:
        """The coordinates. Raises InputError with the field."""
        platform = distribution.DistributionPlatform.from_slug(self.platform)
        return distribution.coordinates(platform, self.owner_namespace, self.package, self.version)


class DistributionRecordForm(DistributionSearchForm):
    """Record a deployment or a version that was staged or published without ATR."""

    deployment_id: Text = ""


class DistributionAutomateForm(Form):
    """Upload from ATR."""

    platform: Needed


class DeleteForm(DistributionSearchForm):
    """Delete a row from the list."""

    reason: Text = ""

    @property
    def coordinates(self) -> distribution.Coordinates:
        """The coordinates of the row, not checked, because a row may be older than the rules."""
        platform = distribution.DistributionPlatform.from_slug(self.platform)
        return distribution.Coordinates(platform.name, self.owner_namespace, self.package, self.version)


class ActForm(Form):
    """An action of a person on a deployment or a promotion."""

    act: Literal[
        "abort",
        "accept_extras",
        "check_again",
        "drop",
        "extend",
        "forget_copy",
        "give_up",
        "go_on",
        "keep_copy",
        "look",
        "prove_published",
        "send_again",
        "settle_lost",
        "stop",
        "verify",
    ]
    reason: Text = ""
    # For `settle_lost`: the platform's id of the deployment; empty if it never arrived.
    external_id: Text = ""
    # For `accept_extras`: the digest of the files that the person saw.
    extras: Text = ""


class OpenVoteForm(Form):
    """Open the vote on a release: the ballot that the person saw."""

    revision_number: Needed
    ballot_digest: _Digest


class BallotForm(Form):
    """Take deployments off the next ballot, put them on it again, or drop them."""

    act: Literal["drop", "put_on", "take_off"]
    # ATR's ids of the deployments, separated by spaces.
    deployment_ids: Annotated[str, pydantic.StringConstraints(pattern=r"^[1-9][0-9]{0,14}( [1-9][0-9]{0,14}){0,199}$")]
    reason: Text = ""

    @property
    def numbers(self) -> tuple[int, ...]:
        """The deployments, each once."""
        return tuple(dict.fromkeys(int(number) for number in self.deployment_ids.split()))


class CastForm(Form):
    """Cast a vote: the choice, and the ballot that it is about."""

    vote_seq: _Number
    ballot_digest: _Digest
    choice: Literal["+1", "0", "-1"]
    comment: _Comment = ""


class ResolveForm(Form):
    """End a vote: its result, and the count that the person saw."""

    act: Literal["failed", "passed"]
    vote_seq: _Number
    plus: _Count
    minus: _Count
    reason: Text = ""


class AbandonForm(Form):
    """Abandon a candidate."""

    vote_seq: _Number
    reason: Text = ""


class LiftForm(Form):
    """Lift the embargo of a release."""

    reason: Text = ""


class SwitchForm(Form):
    """Switch a platform, or all platforms, off or on."""

    scope: Needed
    to: Literal["off", "on"]
    reason: Text = ""


class AnnounceForm(Form):
    """Mark a release as announced: the typed version; and a reason to waive or vouch for something.

    Each package that the person vouches for has its own field: `vouch:` and the purl.
    """

    version: Needed
    # The digest of the reasons to waive when the page was shown; empty if there were none.
    without: Text = ""
    reason: Text = ""


def demand_typed(typed: str, version_key: str) -> None:
    """Raise FormError unless the version that the person typed is that of the release."""
    if typed != version_key:
        raise FormError({"version": f"The version does not match. Type {version_key}."})


def problems(error: errors.AtrError) -> dict[str, str]:
    """Return the problems by field; a problem of no single field is under "form"."""
    if isinstance(error, FormError):
        return error.problems
    field = error.field if isinstance(error, errors.InputError) else ""
    return {field or "form": str(error)}


def _field(problem: Any) -> str:
    return str(problem["loc"][0]) if problem["loc"] else ""


def _sentence(problem: Any) -> str:
    return _SENTENCES.get(problem["type"], "This value is not valid.")
