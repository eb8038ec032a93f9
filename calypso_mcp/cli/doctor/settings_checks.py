"""The settings: each with its origin, and everything that is wrong with them."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping

from calypso_mcp.cli.doctor.findings import Finding, note, ok, problem
from calypso_mcp.settings import Reading, WrongSetting, knobs

_AREA = "settings"
#: What the names of our variables begin with.
_PREFIX = "CALYPSO_"


def check_settings(reading: Reading, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Yield what was given, what is wrong with it, and variables that are not settings."""
    faulty = [wrong.given for wrong in reading.problems if isinstance(wrong, WrongSetting)]
    for given in reading.given.values():
        if given not in faulty:
            yield ok(_AREA, f"{given.name}: {given.shown}")
    if not reading.given:
        yield ok(_AREA, "Nothing is set: every setting has its default.")
    for wrong in reading.problems:
        yield problem(_AREA, wrong.message, wrong.hint or "Correct the value where it is set.")
    known = {knob.variable for knob in knobs().values()}
    for name in sorted(environ):
        if name.startswith(_PREFIX) and name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            message = f"variable {name} is not a setting, so it has no effect."
            if close:
                yield problem(_AREA, message, f"Did you mean {close[0]}?")
            else:
                yield note(_AREA, message, "Remove it.")
