# SPDX-License-Identifier: Apache-2.0
"""The forms for starting and composing a release."""

from typing import Annotated, Literal

import pydantic

import atr.models.forms as forms
import atr.shared.relpath as relpath

# The number of the revision that the person saw; empty before the first one.
_Seen = Annotated[str, pydantic.StringConstraints(pattern=r"^(?:[0-9]{5,9})?$")]
# An unchanged path: its own rules are in shared/relpath.py, and it may begin with a space.
_Path = Annotated[
    str,
    pydantic.StringConstraints(min_length=1, max_length=relpath.MAX_PATH),
    pydantic.AfterValidator(forms.printed),
]


class StartForm(forms.Form):
    """Start a release by its version; the release writer has its rules."""

    version: forms.Needed
    # Ticked is "yes"; a browser sends nothing for an empty box.
    expedited: Literal["yes", ""] = ""


class UploadForm(forms.Form):
    """The fields of an upload in addition to its files."""

    seen: _Seen = ""
    # The folder in the release for the files.
    below: forms.Text = ""
    description: forms.Text = ""


class ChangeForm(forms.Form):
    """Rename a file or a folder of the newest revision, or leave it out of the next one."""

    act: Literal["remove", "rename"]
    path: _Path
    to: Annotated[
        str, pydantic.StringConstraints(max_length=relpath.MAX_PATH), pydantic.AfterValidator(forms.printed)
    ] = ""
    seen: _Seen
