"""iCalendar and vCard: every event, task and contact as a row of a table (RFC 5545, RFC 6350)."""

from __future__ import annotations

import quopri
import re
from collections.abc import Iterator

from calypso_mcp.local.indexing.documents import Document, FileContent
from calypso_mcp.local.indexing.formats.encodings.decoding import decode
from calypso_mcp.local.indexing.formats.tables import Row, table_blocks

_PROPERTY = re.compile(r"(?:[\w-]+\.)?([A-Za-z][\w-]*)((?:;[^:\"]*(?:\"[^\"]*\"[^:\"]*)*)?):(.*)", re.DOTALL)
_FOLD = re.compile(r"\n[ \t]")
_SOFT_BREAK = re.compile(r"=\n[ \t]?")
_ESCAPED = re.compile(r"\\([nN\\,;])")
_SEPARATOR = re.compile(r"(?<!\\);")
#: The name of a person, whose address is the value.
_PERSON = re.compile(r";CN=(?:\"([^\"]*)\"|([^;:\"]*))", re.IGNORECASE)
_TIME = re.compile(r"(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)\d\d(Z?))?$")
_COMPONENTS = frozenset({"VEVENT", "VTODO", "VJOURNAL", "VCARD", "VFREEBUSY"})
#: Properties that only programs need.
_NOISE_NAMES = """
    BEGIN END VERSION PRODID UID DTSTAMP SEQUENCE CREATED LAST-MODIFIED REV PHOTO LOGO SOUND KEY TRANSP
    CALSCALE METHOD CLASS ACTION TRIGGER TZID X-APPLE-STRUCTURED-LOCATION
"""
_NOISE = frozenset(_NOISE_NAMES.split())


def read_cards(file: FileContent) -> Document:
    """Return the components with their lines."""
    decoded = decode(file.data, file.charset)
    rows: list[Row] = []
    gathered: list[str] = []
    first = last = 0
    for name, parameters, value, number, last in _properties(decoded.text):
        if name == "BEGIN" and value.upper() in _COMPONENTS:
            gathered, first = [], number
        elif name == "END" and value.upper() in _COMPONENTS:
            if gathered:
                rows.append(Row(gathered, first, last))
            gathered = []
        elif name not in _NOISE and (text := _readable(value, parameters)):
            gathered.append(f"{name.capitalize()}: {text}")
            first = first or number
    if gathered:
        rows.append(Row(gathered, first, last))
    return Document(tuple(table_blocks((), rows)), warnings=decoded.warnings)


def _properties(text: str) -> Iterator[tuple[str, str, str, int, int]]:
    """Yield name, parameters, value, first and last line; folded lines are joined."""
    number = 1
    for line in _unfolded(text):
        lines = line.count("\n") + 1
        found = _PROPERTY.match(_FOLD.sub("", _SOFT_BREAK.sub("", line) if _is_quoted(line) else line))
        if found is not None:
            yield found[1].upper(), found[2], found[3].strip(), number, number + lines - 1
        number += lines


def _unfolded(text: str) -> Iterator[str]:
    gathered: list[str] = []
    is_soft = False
    for line in text.split("\n"):
        if gathered and not line.startswith((" ", "\t")) and not (is_soft and gathered[-1].endswith("=")):
            yield "\n".join(gathered)
            gathered = []
        if not gathered:
            is_soft = _is_quoted(line)
        gathered.append(line)
    if gathered:
        yield "\n".join(gathered)


def _is_quoted(line: str) -> bool:
    """Whether a value that a line begins is quoted-printable."""
    return "QUOTED-PRINTABLE" in line.partition(":")[0].upper()


def _readable(value: str, parameters: str) -> str:
    person = _PERSON.search(parameters)
    parameters = parameters.upper()
    if "QUOTED-PRINTABLE" in parameters:
        value = decode(quopri.decodestring(value.encode())).text
    if "BASE64" in parameters or "ENCODING=B" in parameters or value.startswith("data:"):
        return ""
    if (time := _TIME.match(value)) is not None:
        clock = f" {time[4]}:{time[5]}{' UTC' if time[6] else ''}" if time[4] else ""
        return f"{time[1]}-{time[2]}-{time[3]}{clock}"
    pieces = filter(None, map(str.strip, _SEPARATOR.split(value)))
    plain = _ESCAPED.sub(lambda escaped: "\n" if escaped[1] in "nN" else escaped[1], " ".join(pieces))
    return plain if person is None else f"{person[1] or person[2]} {plain}"
