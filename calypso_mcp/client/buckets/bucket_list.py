"""Reads the list of a team's buckets while it arrives: the API has no paging, and a team may have 100,000.

Only the rows are kept, never the body. An entry whose text is the same as in the list before is the same row
and is not parsed again, because most lists differ from the one before in nothing or in one entry.
"""

from __future__ import annotations

import codecs
import json
import re
from array import array
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from calypso_mcp.api.buckets import Bucket
from calypso_mcp.domain.json_text import parsable

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
    """

    buckets: tuple[Bucket, ...] = ()
    request_id: str | None = None
    lengths: array[int] = field(default_factory=lambda: array("q"), repr=False)
    digests: array[int] = field(default_factory=lambda: array("q"), repr=False)


class MalformedListError(ValueError):
    """The body is not JSON, or lacks what a list of buckets has; the message says where."""


class BucketListReader:
    """Takes the body in pieces. `feed` and `end` raise MalformedListError."""

    def __init__(self, known: BucketList) -> None:
        """Reuse rows of `known`, the list before."""
        self._known = known
        self._next_known = 0
        self._has_new_rows = False
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
        """Bytes that the next piece should have: as many as are unread, so a long entry costs linear time."""
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
        """Return the list, after the last piece; `request_id` is used if the body states no id."""
        self._is_last = True
        self.feed(b"")
        if _NOT_BLANK.search(self._text, self._at):
            raise MalformedListError
        if _ARRAY_KEY not in self._fields:
            raise MalformedListError(f"{_ARRAY_KEY} (missing)")
        named = self._fields.get("request_id")
        request_id = named if isinstance(named, str) else request_id
        if not self._has_new_rows and len(self._rows) == len(self._known.buckets):
            return replace(self._known, request_id=request_id)
        return BucketList(tuple(self._rows), request_id, self._lengths, self._digests)

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
            while not self._is_last and self._at + self._known_length > len(self._text):
                yield
            if not self._take_known_rows():
                entry = yield from self._value()
                self._add_row(entry)
            after = yield from self._take(",]")

    @property
    def _known_length(self) -> int:
        """Characters of the next row if it is the known one."""
        lengths = self._known.lengths
        return lengths[self._next_known] if self._next_known < len(lengths) else 0

    def _take_known_rows(self) -> bool:
        """Take the next rows over while their texts are the known ones: an object ends with its text."""
        text, lengths, digests = self._text, self._known.lengths, self._known.digests
        first = place = self._next_known
        start = self._at
        while place < len(lengths):
            end = start + lengths[place]
            if end > len(text) or hash(text[start:end]) != digests[place]:
                break
            place += 1
            self._at = end
            if not text.startswith(",", end):
                break
            start = end + (2 if text.startswith(", ", end) else 1)
        self._next_known = place
        taken = slice(first, place)
        self._append(self._known.buckets[taken], lengths[taken], digests[taken])
        return place > first

    def _add_row(self, entry: object) -> None:
        text = self._text[self._value_at : self._at]
        if "\\ud" in text or "\\uD" in text:  # a surrogate, perhaps without its other half
            entry = json.loads(parsable(text.encode()))
        try:
            row = _model().validate_python(entry)
        except ValidationError as error:
            found = error.errors(include_url=False, include_context=False, include_input=False)[0]
            place = ".".join(str(part) for part in (_ARRAY_KEY, len(self._rows), *found["loc"]))
            raise MalformedListError(f"{place} ({found['type']})") from None
        self._has_new_rows = True
        self._append((row,), (len(text),), (hash(text),))
        known = self._known_places.get(row.id)
        if known is not None:
            self._next_known = known + 1

    @cached_property
    def _known_places(self) -> dict[str, int]:
        """Index of each known bucket by its id. Most lists never need it."""
        return {bucket.id: place for place, bucket in enumerate(self._known.buckets)}

    def _append(self, rows: Sequence[Bucket], lengths: Iterable[int], digests: Iterable[int]) -> None:
        if len(self._rows) + len(rows) > MOST_BUCKETS:
            raise MalformedListError(f"{_ARRAY_KEY} (too_long)")
        self._rows.extend(rows)
        self._lengths.extend(lengths)
        self._digests.extend(digests)

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
