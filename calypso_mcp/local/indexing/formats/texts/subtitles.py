"""Subtitles (SRT, WebVTT, SubStation Alpha): the spoken text, without numbers and styles."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape

from calypso_mcp.local.indexing.documents import Block, Document, FileContent
from calypso_mcp.local.indexing.formats.encodings.decoding import decode

_TIMES = re.compile(r"\s*((?:\d+:)?\d{1,2}:\d\d)[.,]\d{1,3}\s+-->")
#: Who speaks, in WebVTT (6.2.4 of it: the voice object) and before the text of any cue.
_VOICE = re.compile(r"<v(?:\.[^\s<>]*)?[ \t]([^<>]+)>")
_SPEAKER = re.compile(r"[^:.!?]{1,60}: ")
_STYLE = re.compile(r"</?[a-zA-Z][^<>]*>|<\d[\d:.]*>|\{\\[^{}]*\}")
#: Start and text: nine fields stand before it (Advanced SubStation Alpha, 4+ styles).
_DIALOGUE = re.compile(r"Dialogue:[^,]*,\s*(\d+:\d\d:\d\d)[^,]*,(?:[^,]*,){7}(.*)")
_BLOCK_CHARS = 400


def read_subtitles(file: FileContent) -> Document:
    """Return the text in blocks that begin with the time of their first words."""
    decoded = decode(file.data, file.charset)
    lines = decoded.text.split("\n")
    cues = _dialogue(lines) if any(map(_DIALOGUE.match, lines)) else _cues(lines)
    blocks: list[Block] = []
    said: list[str] = []
    first = last = 0
    speaker = ""
    for time, text, start, end in cues:
        name = named[0] if (named := _SPEAKER.match(text)) is not None else ""
        is_repeated = said and name == speaker  # a sentence goes on in the next cue
        speaker = name or speaker
        if not said:
            said, first = [f"[{time}]"], start
        said.append(text.removeprefix(name) if is_repeated else text)
        last = end
        if sum(map(len, said)) >= _BLOCK_CHARS:
            blocks.append(Block(" ".join(said), None, first, last))
            said = []
    if said:
        blocks.append(Block(" ".join(said), None, first, last))
    return Document(tuple(blocks), warnings=decoded.warnings)


def _cues(lines: list[str]) -> Iterator[tuple[str, str, int, int]]:
    """Yield time, text, first and last line of what is shown at once."""
    time, start, before = "", 0, ""
    shown: list[str] = []
    for number, line in enumerate([*lines, ""], 1):
        if (times := _TIMES.match(line)) is not None:
            time, start, shown = times[1], number, []
        elif line.strip() and time:
            # Captions that roll show each line again, above the next.
            shown += [text] if (text := _plain(line)) != before else []
            before = text
        elif shown or not line:
            if text := " ".join(filter(None, shown)):
                yield time, text, start, number - 1
            time, shown = "", []


def _dialogue(lines: list[str]) -> Iterator[tuple[str, str, int, int]]:
    """Yield time, text and twice the line of what SubStation Alpha shows at once."""
    for number, line in enumerate(lines, 1):
        if (found := _DIALOGUE.match(line)) is not None:
            yield found[1], _plain(found[2].replace("\\N", " ").replace("\\n", " ")), number, number


def _plain(line: str) -> str:
    return " ".join(unescape(_STYLE.sub("", _VOICE.sub(r"\1: ", line))).split())
