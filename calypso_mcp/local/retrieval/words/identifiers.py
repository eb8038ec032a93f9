"""Names that people write in several ways: found as written, and in their usual variants.

FTS5 cuts `POL-358`, `getUserName`, `e-mail`, `C++`, `3.11.4` and `src/main.rs` at signs and forgets the
signs. Beside the words so cut, the index gets the name as one word: without its signs, with the signs spelled
out, or, for version numbers, with a letter for each point. Queries are treated alike, so both spellings meet.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_LETTER = "A-Za-z\u00c0-\u024f"
#: Where a name is more than a word; one set of characters first, so that plain text is passed over quickly.
_SUSPECT = re.compile(
    "[-_./\\\\@+#,'\u2019A-Z0-9](?:"
    f"(?<=[{_LETTER}0-9][-_./\\\\@])(?=[{_LETTER}0-9])|(?<=[0-9][,'\u2019])(?=[0-9])|(?<=\\.)(?=[A-Za-z])"
    f"|(?<=[a-z][A-Z])|(?<=[A-Z][A-Z])(?=[a-z])|(?<=[{_LETTER}0-9]\\+)(?=\\+)|(?<=[{_LETTER}0-9]#)"
    "|(?<=[A-Za-z]{2}[0-9])(?=[0-9]))"
)
_SPACE = re.compile(r"\s")
#: A name begins where none is going on, so that each character is looked at once.
_NAME = re.compile(
    f"(?<![{_LETTER}0-9])(?P<dot>(?<![-_./\\\\@)\\]])\\.)?"
    f"(?P<name>[{_LETTER}0-9]+(?:[-_./\\\\@,'\u2019]+[{_LETTER}0-9]+)*)(?P<sign>\\+\\+|#(?![{_LETTER}]))?"
)
_PARTS = re.compile(f"[{_LETTER}0-9]+")
_CAMEL = re.compile("(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_CODE = re.compile(r"([A-Za-z]{2,})([0-9]{2,})")
_VERSION = re.compile(r"[vV]?([0-9]+(?:\.[0-9]+)+)")
_GROUPED = re.compile("([0-9]{1,3}(?:[,'\u2019][0-9]{3})+|[0-9]{1,3}(?:\\.[0-9]{3})+)(\\.[0-9]+)?")
_JOINERS = re.compile("[-_./\\\\@]+")
_FOLDERS = re.compile(r"[/\\]")
_SIGNS = {"++": "plusplus", "#": "sharp"}
#: Longest name that is kept as one word, shortest number, and most numbers of a version.
_LONGEST = 64
_SHORTEST_NUMBER = 6
_VERSION_PARTS = 4


def expand(text: str) -> str:
    """Return `text` with the variants of the names in it after each."""
    pieces: list[str] = []
    done = 0
    while suspect := _SUSPECT.search(text, done):
        place = suspect.start()
        start = max(text.rfind(space, done, place) for space in " \n\t") + 1 or done
        space = _SPACE.search(text, place)
        end = space.start() if space else len(text)
        pieces += (text[done:start], _NAME.sub(_expanded, text[start:end]))
        done = end
    return "".join((*pieces, text[done:])) if pieces else text


def _expanded(match: re.Match[str]) -> str:
    whole, name, sign = match[0], match["name"], match["sign"]
    if name == whole and name.isalpha() and (name.islower() or name.istitle()):
        return whole
    variants = [variant for variant in _variants(match["dot"], name, sign) if len(variant) <= _LONGEST]
    if sign and len(name) == 1:
        # The letter alone would be found in every enumeration.
        return f"{' '.join(variants)} "
    return f"{whole} {' '.join(dict.fromkeys(variants))} " if variants else whole


def _variants(dot: str | None, name: str, sign: str | None) -> Iterator[str]:
    if dot:
        yield f"dot{name}"
    if sign:
        last = _PARTS.findall(name)[-1]
        yield f"{last}{_SIGNS[sign]}"
        if sign == "++":
            yield f"{last}pp"
    grouped = _GROUPED.fullmatch(name)
    if grouped:
        yield _without_signs(grouped[1])
    version = _VERSION.fullmatch(f"{_without_signs(grouped[1])}{grouped[2] or ''}" if grouped else name)
    if version:
        numbers = version[1].split(".")[:_VERSION_PARTS]
        yield from ("p".join(numbers[:count]) for count in range(2, len(numbers) + 1))
    elif not grouped:
        yield from _joined(name)
    for part in _PARTS.findall(name):
        yield from _inner_words(part)


def _inner_words(part: str) -> Iterator[str]:
    """Yield the words that `getUserName` and `POL358` are made of, and the whole year of `FY22`."""
    if code := _CODE.fullmatch(part):
        yield from code.groups()
        if code[1].lower() == "fy" and len(code[2]) == len("22"):
            yield f"20{code[2]}"
    words = _CAMEL.split(part)
    if len(words) > 1:
        yield from (word for word in words if len(word) > 1)


def _joined(name: str) -> Iterator[str]:
    """Yield the name without its signs, and of a path its last part so, too."""
    for piece in re.split("[,'\u2019]+", name):
        if not _JOINERS.search(piece):
            continue
        joined = _without_signs(piece)
        if not joined.isdigit() or len(joined) >= _SHORTEST_NUMBER:
            yield joined
        *folders, last = _FOLDERS.split(piece)
        if folders and _JOINERS.search(last):
            yield _without_signs(last)


def _without_signs(name: str) -> str:
    return "".join(_PARTS.findall(name))
