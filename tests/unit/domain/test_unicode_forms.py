"""Normal forms: those of the standard, in linear time."""

from __future__ import annotations

import time
import unicodedata
from typing import get_args

import pytest

from calypso_mcp.domain.unicode_forms import Form, normalize

FORMS = get_args(Form)
ABOVE, BELOW = "\u0301", "\u0316"


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "text",
    [
        "",
        "plain " * 20,
        "Die Straße führt über die Brücke. " * 5,
        "Die Stra\u00dfe fu\u0308hrt u\u0308ber die Bru\u0308cke. " * 5,
        "सभी मनुष्यों को गौरव और अधिकारों के मामले में " * 5,
        "ﾊﾟﾝﾀﾞ " * 20,
        "─" * 200,
        "👩\u200d👩\u200d👧 " * 20,
        "e" + (ABOVE + BELOW) * 15 + "e",
    ],
)
def test_text_of_people_gets_the_form_of_the_standard(form: Form, text: str) -> None:
    assert normalize(form, text) == unicodedata.normalize(form, text)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "marks",
    [ABOVE + BELOW, "\u0f71\u0f72\u0f74", "\u0f73\u0316", "\uff9e\u0334", "\u0344\u0316", "⸻" * 7 + ABOVE],
)
def test_rows_of_marks_take_linear_time_and_stay_as_they_are_the_second_time(form: Form, marks: str) -> None:
    started = time.process_time()
    once = normalize(form, "e" + marks * 100_000)
    assert normalize(form, once) == once
    assert time.process_time() - started < 5
