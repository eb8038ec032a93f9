"""Reads the list of a team's buckets while it arrives: the API has no paging, and a team may have 100,000.

Only the rows are kept, never the body. An entry whose text is the same as in the list before is the same row
and is not parsed again, because most lists differ from the one before in nothing or in one entry.
"""

from __future__ import annotations

import codecs
import json
import re
from array import array
from collections.abc import Generator
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from calypso_mcp.api.buckets import Bucket

_NOT_BLANK: Final = re.compile(r"[^ \t\r\n]")
_ARRAY_KEY: Final = "buckets"
#: Rows that are kept at most.
MOST_BUCKETS: Final = 250_000
_scan: Final = json.JSONDecoder().raw_decode


@dataclass(frozen=True, slots=True, eq=False)
class BucketList:
    """A list of buckets.

    Attributes:
        buckets: In the order of the API.
        request_id: The API's id of the request.
        lengths: Characters of each entry in the body.
        digests: Hash of each entry's text.
        places: Index of each bucket by its id.
    """

    buckets: tuple[Bucket, ...] = ()
    request_id: str | None = None
    lengths: array[int] = field(default_factory=lambda: array("q"), repr=False)
    digests: array[int] = field(default_factory=lambda: array("q"), repr=False)
    places: dict[str, int] = field(default_factory=dict[str, int], repr=False)


class MalformedListError(ValueError):
    """The body is not JSON, or lacks what a list of buckets has; the message says where."""


class BucketListReader:
    """Takes the body in pieces. `feed` and `end` raise MalformedListError."""

    def __init__(self, known: BucketList) -> None:
        """Take over rows of `known`, the list before."""
        self._known = known
        self._next_known = 0
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._text = ""
        self._at = 0
        self._value_at = 0
        self._is_last = False
        self._fields: dict[str, Any] = {}
        self._rows: list[Bucket] = []
        self._lengths: array[int] = array("q")
        self._digests: array[int] = array("q")
        self._steps = self._read_body()

    @property
    def wanted(self) -> int:
        """Bytes that the next piece should have: what is unread, so that a long entry costs linear time."""
        return len(self._text) - self._at

    def feed(self, piece: bytes) -> None:
        """Read on as far as `piece` reaches."""
        try:
            self._text = self._text[self._at :] + self._decoder.decode(piece, final=self._is_last)
        except UnicodeDecodeError:
            raise MalformedListError from None
        self._at = 0
        next(self._steps, None)

    def end(self, request_id: str | None = None) -> BucketList:
        """Return the list, after the last piece; `request_id` counts where the body has none."""
        self._is_last = True
        self.feed(b"")
        if _NOT_BLANK.search(self._text, self._at):
            raise MalformedListError
        if _ARRAY_KEY not in self._fields:
            raise MalformedListError(f"{_ARRAY_KEY} (missing)")
        named = self._fields.get("request_id")
        return BucketList(
            tuple(self._rows),
            named if isinstance(named, str) else request_id,
            self._lengths,
            self._digests,
            {bucket.id: place for place, bucket in enumerate(self._rows)},
        )

    def _read_body(self) -> Generator[None]:
        """Read the outer object. Yields wherever it needs more text."""
        if (yield from self._peek()) != "{":
            yield from self._value()
            raise MalformedListError("body (model_type)")
        before = yield from self._take("{")
        while (yield from self._peek()) != "}" or before == ",":
            key = yield from self._value()
            yield from self._take(":")
            if not isinstance(key, str):
                raise MalformedListError
            if key == _ARRAY_KEY:
                self._fields[key] = True
                yield from self._read_rows()
            else:
                self._fields[key] = yield from self._value()
            before = yield from self._take(",}")
            if before == "}":
                return
        yield from self._take("}")

    def _read_rows(self) -> Generator[None]:
        if (yield from self._peek()) != "[":
            raise MalformedListError(f"{_ARRAY_KEY} (tuple_type)")
        self._at += 1
        if (yield from self._peek()) == "]":
            self._at += 1
            return
        after = ","
        while after == ",":
            yield from self._peek()
            if not self._take_known_row():
                entry = yield from self._value()
                self._add_row(entry)
            after = yield from self._take(",]")

    def _take_known_row(self) -> bool:
        """Take the next row over where its text is the known one's: an object ends where its text ends."""
        place = self._next_known
        if place >= len(self._known.buckets):
            return False
        length = self._known.lengths[place]
        text = self._text[self._at : self._at + length]
        if len(text) < length or hash(text) != self._known.digests[place]:
            return False
        self._append(self._known.buckets[place], length, self._known.digests[place])
        self._at += length
        self._next_known += 1
        return True

    def _add_row(self, entry: object) -> None:
        try:
            row = _model().validate_python(entry)
        except ValidationError as error:
            found = error.errors(include_url=False, include_context=False, include_input=False)[0]
            place = ".".join(str(part) for part in (_ARRAY_KEY, len(self._rows), *found["loc"]))
            raise MalformedListError(f"{place} ({found['type']})") from None
        text = self._text[self._value_at : self._at]
        self._append(row, len(text), hash(text))
        known = self._known.places.get(row.id)
        if known is not None:
            self._next_known = known + 1

    def _append(self, row: Bucket, length: int, digest: int) -> None:
        if len(self._rows) >= MOST_BUCKETS:
            raise MalformedListError(f"{_ARRAY_KEY} (too_long)")
        self._rows.append(row)
        self._lengths.append(length)
        self._digests.append(digest)

    def _peek(self) -> Generator[None, None, str]:
        """Return the next character that is not blank, without taking it."""
        while True:
            if found := _NOT_BLANK.search(self._text, self._at):
                self._at = found.start()
                return found[0]
            self._at = len(self._text)
            yield from self._more()

    def _take(self, wanted: str) -> Generator[None, None, str]:
        found = yield from self._peek()
        if found not in wanted:
            raise MalformedListError
        self._at += 1
        return found

    def _value(self) -> Generator[None, None, object]:
        yield from self._peek()
        while True:
            try:
                value, end = _scan(self._text, self._at)
            except ValueError:
                value, end = None, -1  # malformed or not complete: the scanner does not say which
            except RecursionError:
                raise MalformedListError from None
            # A number at the end of the text may go on.
            if 0 <= end < len(self._text) or (end >= 0 and self._is_last):
                self._value_at, self._at = self._at, end
                return value
            yield from self._more()

    def _more(self) -> Generator[None]:
        if self._is_last:
            raise MalformedListError
        yield


@cache
def _model() -> TypeAdapter[Bucket]:
    return TypeAdapter(Bucket)
