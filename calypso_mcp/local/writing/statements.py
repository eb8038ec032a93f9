"""Cuts a model's text into statements while it comes in: each is some text, then the passages it cites."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterable, Iterator
from dataclasses import dataclass

_CITED = re.compile(r"(?:\s?[\[\u3010]\d{1,3}(?:\s?[,;]\s?\d{1,3}){0,9}[\]\u3011])+[.!?\u3002]?")
_NUMBER = re.compile(r"\d+")
_THOUGHTS = ("<think>", "</think>")


@dataclass(frozen=True, slots=True)
class Statement:
    """Some text and the numbers of the passages it cites, as the model wrote them."""

    text: str
    cited: tuple[int, ...] = ()


async def cut_statements(pieces: AsyncIterable[str]) -> AsyncGenerator[Statement]:
    """Yield each statement of a text as soon as it is complete, without the model's thoughts (`<think>`)."""
    cutter = _Cutter()
    async for piece in pieces:
        for statement in cutter.add(piece):
            yield statement
    for statement in cutter.finish():
        yield statement


@dataclass(slots=True)
class _Cutter:
    _pending: str = ""
    _thinks: bool = False
    _has_begun: bool = False

    def add(self, piece: str) -> Iterator[Statement]:
        self._pending += piece
        self._skip_thoughts()
        if self._thinks:
            return
        start = 0
        for match in _CITED.finditer(self._pending):
            if match.end() == len(self._pending):
                break  # more numbers may follow
            yield _statement(self._pending[start : match.start()], match.group())
            start = match.end()
        self._pending = self._pending[start:]

    def finish(self) -> Iterator[Statement]:
        if self._thinks:
            return
        # The space shows that no more numbers follow.
        yield from self.add(" ")
        if self._pending.strip():
            yield Statement(self._pending.strip())
        self._pending = ""

    def _skip_thoughts(self) -> None:
        begin, end = _THOUGHTS
        if not self._has_begun and self._pending.strip():
            self._has_begun = len(self._pending.lstrip()) >= len(begin)
            self._thinks = self._pending.lstrip().startswith(begin)
        if self._thinks:
            _, ended, rest = self._pending.partition(end)
            # Keeps only what may begin the end mark.
            self._pending = rest if ended else self._pending[-len(end) :]
            self._thinks = not ended


def _statement(text: str, cited: str) -> Statement:
    numbers = tuple(dict.fromkeys(int(number) for number in _NUMBER.findall(cited)))
    return Statement(text.strip(), numbers)
