"""Private keys and access tokens in content, found before it is sent. Nothing is verified over the network.

One automaton runs all forms over each window at once, in time linear in its length and without Python's lock;
only what it reports is looked at closer.

A private key counts whatever protects it: anyone who has the file can guess a passphrase without limit,
and a bucket is no place to keep keys.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from calypso_mcp.server.files.secret_automaton import SecretAutomaton, secret_automaton
from calypso_mcp.server.files.secret_forms import FORMS, Form

#: Smaller windows cost more: after each read, search and hash, the thread waits for Python's lock. A multiple
#: of four, as UTF-32 needs it.
_WINDOW_BYTES = 768 << 10
#: How much two windows share: at least a key's first line and body, also in UTF-32.
_OVERLAP_BYTES = 16 << 10
_STEP_BYTES = _WINDOW_BYTES - _OVERLAP_BYTES
#: How much of a key's body is looked at: a few lines, each within the markup of a word processor.
_BODY_BYTES = 3_072
#: How far a token is followed beyond its shortest form.
_LONGEST_TOKEN = 512
#: Random base64 has so many runs of small letters, capitals or digits, and so many distinct characters,
#: within this many. Of 100,000 keys of 64 characters, the shortest there are, one has not; words seldom have.
_RUNS, _DISTINCT, _WITHIN = 20, 26, 60
_RUN = re.compile(rb"[a-z]+|[A-Z]+|[0-9]+")
_ELIDED_WITHIN = 128
#: What stands for the end of a line, or for a character, where a key was written into a string, a page or an
#: address: escapes, several times over, tags and entities.
_MARKUP = re.compile(rb"(?:\\{1,16}r)?\\{1,16}n|<[^<>]{1,512}>|&#?\w{1,8};|%[0-9A-Fa-f]{2}")
#: What is left of escapes, and invisible characters.
_NOISE = b"\\" + bytes(range(0x80, 0x100))
#: What indents, quotes or joins the lines of a key that stands inside something else.
_AROUND_LINES = b" \t\"'`>|,;*#()[]{}+-"
_BASE64 = re.compile(rb"[A-Za-z0-9+/=]+")
_LONG_BASE64 = re.compile(rb"[A-Za-z0-9+/=]{20,}")
#: Behind so much base64, a form stands by chance: in one of a hundred megabytes of pictures.
_BASE64_BEFORE = 64
_ONLY_BASE64 = re.compile(rb"[A-Za-z0-9+/]{%d}" % _BASE64_BEFORE)
_TOKEN = re.compile(rb"[A-Za-z0-9_-]*")
_GOES_ON = re.compile(rb"[A-Za-z0-9_+=-]")
#: Where a body ends, so that no two bodies share text. "END" alone stands by chance in one body of thousands.
_LAST_LINE = re.compile(rb"BEGIN\W|(?:BEGIN|END\W)[^\n]{0,60}PRIVATE")
_ELLIPSIS = re.compile(rb"\.\.\.|\xe2\x80\xa6")
_WORDS = re.compile(rb"example|placeholder|redacted|changeme", re.IGNORECASE)
#: Runs of "A" are zeros in base64; "your" alone stands by chance in one random text of some thousands.
_PLACEHOLDER = re.compile(
    rb"example|placeholder|redacted|changeme|([^A])\1{6}|A{16}|\.\.\.|1234567890|abcdefghij"
    rb"|your(?:[_-]|access|account|api|client|git|google|key|own|private|secret|slack|token)",
    re.IGNORECASE,
)
#: What `Form.holds` names, sought in the last bytes of a secret, which are random.
_CLASSES = {"a": re.compile(rb"[a-z]"), "A": re.compile(rb"[A-Z]"), "0": re.compile(rb"[0-9]")}
_RANDOM_BYTES = 40

#: Returns up to `length` bytes from `offset`; fewer only at the end.
ReadAt = Callable[[int, int], bytes]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that looks like a secret: its kind and its line (from 1), never the thing itself."""

    kind: str
    line: int


def find_secret(read_at: ReadAt, size_bytes: int, kept_at: Path | None = None) -> Finding | None:
    """Return the first secret in `size_bytes` of content, reading a window at a time; None if it has none.

    `kept_at` as for `secret_automaton`.

    Raises:
        OSError: What `read_at` raises.
    """
    from calypso_mcp.domain.files.text_bytes import HEAD_BYTES

    automaton = secret_automaton(kept_at)
    to_ascii = _reader(read_at(0, min(HEAD_BYTES, size_bytes)))
    for offset in range(0, size_bytes, _STEP_BYTES):
        # Nothing holds the window beyond the call: the next one is read into the same memory.
        found = _first_secret(to_ascii(read_at(offset, min(_WINDOW_BYTES, size_bytes - offset))), automaton)
        if found is not None:
            # Nearly no file holds a secret: lines are counted only in one that does.
            before = (
                to_ascii(read_at(start, _STEP_BYTES)).count(b"\n") for start in range(0, offset, _STEP_BYTES)
            )
            return Finding(found.kind, found.line + sum(before))
    return None


def _reader(head: bytes) -> Callable[[bytes], bytes]:
    """Return what turns a file's bytes into text with each ASCII character as one byte, as in the forms."""
    from calypso_mcp.domain.files.text_bytes import marked_encoding, wide_encoding

    marked = marked_encoding(head)
    if marked and marked[0] != "utf-8":
        return lambda data: data.decode(marked[0], "replace").encode("latin-1", "replace")
    if wide_encoding(head):  # a guess, and either order of bytes leaves the same without its zeros
        return lambda data: data.replace(b"\0", b"")
    return lambda data: data


def _first_secret(text: bytes, automaton: SecretAutomaton) -> Finding | None:
    """Return the first secret in `text`."""
    found: list[Finding] = []

    def judge(number: int, start: int, end: int) -> bool:
        if not _is_secret(FORMS[number], text, start, end):
            return False
        found.append(Finding(FORMS[number].kind, 1 + text.count(b"\n", 0, start)))
        return True

    automaton.scan(text, judge)
    return found[0] if found else None


def _is_secret(form: Form, text: bytes, start: int, end: int) -> bool:
    if form.is_key:
        # Where the same line stands again, another body begins: a text full of them would be read for each.
        following = text[end : end + _BODY_BYTES].partition(text[start:end])[0]
        return _has_body(_decoded(following) if form.in_base64 else following)
    if form.stands_alone and (
        _continues_word(text[max(0, start - 2) : start])
        or _ONLY_BASE64.fullmatch(text, max(0, start - _BASE64_BEFORE), start)
    ):
        return False
    if form.is_exact and _GOES_ON.match(text, end):
        return False
    token = _TOKEN.match(text, end, end + _LONGEST_TOKEN)
    secret = text[start:end] + (token.group() if token else b"")
    holds_all = all(_CLASSES[name].search(secret[-_RANDOM_BYTES:]) for name in form.holds)
    return holds_all and _PLACEHOLDER.search(secret) is None


def _continues_word(before: bytes) -> bool:
    """Whether what stands before is a word's character, and not the end of an escape."""
    last = before[-1:]
    return (last.isalnum() or last in (b"_", b"-")) and not before.startswith(b"\\")


def _has_body(text: bytes) -> bool:
    """Whether a key's body follows its first line; a manual that only mentions the line has none."""
    inside = _LAST_LINE.split(text, maxsplit=1)[0]
    if _ELLIPSIS.search(inside[:_ELIDED_WITHIN]):
        return False
    body = _base64_in(inside)
    return _looks_random(body) and not _WORDS.search(body)


def _looks_random(body: bytes) -> bool:
    """Whether a stretch of `body` is as mixed as random base64 is, and words, paths and hashes are not."""
    letters = body.translate(None, b"+/=")
    ends = [0, *(run.end() for run in _RUN.finditer(letters))]
    return any(
        end - start <= _WITHIN and len(set(letters[start : start + _WITHIN])) >= _DISTINCT
        for start, end in zip(ends, ends[_RUNS:], strict=False)
    )


def _decoded(text: bytes) -> bytes:
    """Return what the base64 at the start of `text` holds."""
    encoded = _base64_in(text).partition(b"=")[0]
    return base64.b64decode(encoded[: len(encoded) // 4 * 4])


def _base64_in(text: bytes) -> bytes:
    """Return the base64 in `text`: lines of it, whatever is around them, and long runs in other lines."""
    body = b""
    for line in _MARKUP.sub(b"\n", text).translate(None, _NOISE).splitlines():
        bare = line.strip(_AROUND_LINES)
        body += bare if _BASE64.fullmatch(bare) else b"".join(_LONG_BASE64.findall(bare))
    return body
