# SPDX-License-Identifier: Apache-2.0
"""What a test expects of a refusal: the code of its reason and the facts that it names, not the sentence."""

from collections.abc import Callable

import atr.errors as errors


def coded(code: str, **facts: str | int) -> Callable[[errors.AtrError], bool]:
    """For `pytest.raises(..., check=...)`: the error has this reason alone, with at least these facts."""

    def check(error: errors.AtrError) -> bool:
        assert [one.code for one in error.reasons] == [code], str(error)
        assert facts.items() <= error.reasons[0].facts.items(), error.reasons[0].facts
        return True

    return check
