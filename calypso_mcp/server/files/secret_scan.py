"""Private keys and access tokens in text, found before anything is sent.

The patterns are those of detect-secrets, the ones with a fixed, vendor-given form; its guesses (entropy,
keywords, JSON web tokens, basic-auth URLs) are left out, because documentation is full of such samples. A
few forms that are younger than the library stand beside them. Nothing is verified over the network.

Every secret has a long run of token characters, which ordinary text has not: only around such runs are the
fixed parts of the patterns looked for, and only around those does a pattern run. So prose costs a copy and
one search, and no pattern can be made slow by what a file contains.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from itertools import islice
from typing import Literal

from calypso_mcp.domain.file_formats import HEAD_BYTES
from calypso_mcp.domain.text_bytes import looks_like_text, marked_encoding, wide_encoding

#: Small enough that a window and what is made of it stay in the processor's cache.
_WINDOW_BYTES = 128 << 10
#: What may stand before a fixed part, and the longest match there is (a GitLab agent token).
_BEFORE_CHARS = 128
_AFTER_CHARS = 1_280
#: Fixed parts this close together are searched around in one go.
_STRIDE_CHARS = 2_048
_OVERLAP_CHARS = _BEFORE_CHARS + _AFTER_CHARS
#: The shortest token there is (an AWS access key id), and what its characters become before they are sought.
_RUN = b"x" * 20
#: Runs of these alone are paths, names and rulers.
_PLAIN = b"abcdefghijklmnopqrstuvwxyz+/=_-"
#: What may stand between a run and the rest of its secret, such as the header of an encrypted key.
_AROUND_CHARS = 256
_RUNS = bytes(
    ord("x") if chr(byte).isascii() and (chr(byte).isalnum() or chr(byte) in "+/=_-") else ord(" ")
    for byte in range(256)
)
_PDF_MAGIC_WITHIN = 1_024

ContentKind = Literal["text", "pdf", "binary"]
#: Returns up to `length` bytes from `offset`; fewer only at the end.
ReadAt = Callable[[int, int], bytes]

#: detect-secrets plugins: module, class, and the fixed parts one of which every match contains.
_PLUGINS = (
    ("private_key", "PrivateKeyDetector", ("PRIVATE KEY", "PuTTY-User-Key-File-2")),
    ("aws", "AWSKeyDetector", ("AKIA", "ASIA", "ABIA", "ACCA", "A3T", "aws", "AWS", "Aws")),
    ("azure_storage_key", "AzureStorageKeyDetector", ("AccountKey=",)),
    ("github_token", "GitHubTokenDetector", ("ghp_", "gho_", "ghu_", "ghs_", "ghr_")),
    (
        "gitlab_token",
        "GitLabTokenDetector",
        (
            *("glpat-", "gldt-", "glft-", "glsoat-", "glrt-", "GR1348941"),
            *("glcbt-", "glimt-", "glptt-", "glagent-", "gloas-"),
        ),
    ),
    ("mailchimp", "MailchimpDetector", ("-us",)),
    ("openai", "OpenAIDetector", ("T3BlbkFJ",)),
    ("pypi_token", "PypiTokenDetector", ("pypi-AgE",)),
    ("sendgrid", "SendGridDetector", ("SG.",)),
    ("slack", "SlackDetector", ("xoxa-", "xoxb-", "xoxp-", "xoxo-", "xoxs-", "xoxr-", "hooks.slack.com")),
    ("square_oauth", "SquareOAuthDetector", ("sq0csp",)),
    ("stripe", "StripeDetector", ("sk_live_", "rk_live_")),
)

#: Forms that detect-secrets 1.5 does not know, as their vendors publish them.
_YOUNGER_FORMS = (
    ("Anthropic API key", "sk-ant-", r"sk-ant-[a-z0-9]+-[A-Za-z0-9_-]{40,}"),
    ("OpenAI API key", "sk-proj-", r"sk-proj-[A-Za-z0-9_-]{40,}"),
    ("GitHub Token", "github_pat_", r"github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}"),
    ("Google API key", "AIza", r"(?<![A-Za-z0-9_-])AIza[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])"),
    ("Hugging Face token", "hf_", r"(?<![A-Za-z0-9_])hf_[A-Za-z0-9]{34}(?![A-Za-z0-9])"),
    ("NPM token", "npm_", r"(?<![A-Za-z0-9_])npm_[A-Za-z0-9]{36}(?![A-Za-z0-9])"),
    # Instead of the library's own, which takes quadratic time on long lines.
    ("NPM token", ":_authToken=", r":_authToken=\s{0,8}[A-Za-z0-9_-]{36,}"),
    ("Slack Token", "xapp-", r"xapp-\d-[A-Z0-9]+-\d+-[a-z0-9]{32,}"),
    ("age secret key", "AGE-SECRET-KEY-1", r"AGE-SECRET-KEY-1[A-Z0-9]{58}"),
    ("PuTTY private key", "PuTTY-User-Key-File-3", r"PuTTY-User-Key-File-3: .+"),
)

_PRIVATE_KEY = "Private Key"
#: A key has a body; a manual that only mentions its first line has none.
_KEY_BODY = re.compile(r"[A-Za-z0-9+/=]{40,}")
_PLACEHOLDER = re.compile(
    r"example|placeholder|redacted|your|changeme|(.)\1{6}|\.\.\.|1234567890", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that looks like a secret: its kind and its line (from 1), never the thing itself."""

    kind: str
    line: int


@dataclass(frozen=True, slots=True)
class _Form:
    kind: str
    fixed_parts: tuple[str, ...]
    patterns: tuple[re.Pattern[str], ...]


def content_kind(head: bytes) -> ContentKind:
    """Say what a file is by its first `HEAD_BYTES` bytes; what it is called does not count."""
    if b"%PDF-" in head[:_PDF_MAGIC_WITHIN]:
        return "pdf"
    return "text" if looks_like_text(head) else "binary"


def find_secret(read_at: ReadAt, size_bytes: int) -> Finding | None:
    """Return the first secret in `size_bytes` of text, reading a window at a time; None where none is seen.

    Raises:
        OSError: What `read_at` raises.
    """
    for number, (text, _) in enumerate(_windows(read_at, size_bytes)):
        found = _first_match(text)
        if found is not None:
            kind, position = found
            # Nearly no file holds a secret: lines are counted only where one does.
            before = islice(_windows(read_at, size_bytes), number)
            lines = sum(earlier.count(b"\n", 0, len(earlier) - kept) for earlier, kept in before)
            return Finding(kind, 1 + lines + text.count(b"\n", 0, position))
    return None


def _windows(read_at: ReadAt, size_bytes: int) -> Iterator[tuple[bytes, int]]:
    """Yield overlapping windows and how many of each one's last characters the next one repeats.

    Every form is ASCII, so it looks the same in every encoding but UTF-16 and UTF-32, which become Latin-1.
    """
    head = read_at(0, min(HEAD_BYTES, size_bytes))
    marked = marked_encoding(head)
    wide = marked[0] if marked is not None and marked[0] != "utf-8" else wide_encoding(head)
    decoder = codecs.getincrementaldecoder(wide)("replace") if wide is not None else None
    tail = b""
    for offset in range(0, size_bytes, _WINDOW_BYTES):
        data = read_at(offset, min(_WINDOW_BYTES, size_bytes - offset))
        text = tail + (decoder.decode(data).encode("latin-1", "replace") if decoder else data)
        tail = text[-_OVERLAP_CHARS:]
        yield text, len(tail)


def _first_match(text: bytes) -> tuple[str, int] | None:
    matches = (
        (form.kind, first + position)
        for first, last in _dense_parts(text)
        for part in (text[first:last].decode("latin-1"),)
        for form in _forms()
        for fixed in form.fixed_parts
        for start, end in _regions(part, fixed)
        for position in _secrets(form, part, start, end)
    )
    return next(matches, None)


def _dense_parts(text: bytes) -> Iterator[tuple[int, int]]:
    """Yield the spans around long runs of token characters, those that overlap as one."""
    runs = text.translate(_RUNS)
    start, end = 0, -1
    position = runs.find(_RUN)
    while position >= 0:
        run_end = runs.find(b" ", position)
        run_end = len(runs) if run_end < 0 else run_end
        if text[position:run_end].translate(None, _PLAIN):
            if position - _AROUND_CHARS > end:
                if end >= 0:
                    yield start, end
                start = max(0, position - _AROUND_CHARS)
            end = run_end + _AROUND_CHARS
        position = runs.find(_RUN, run_end)
    if end >= 0:
        yield start, end


def _regions(text: str, fixed: str) -> Iterator[tuple[int, int]]:
    """Yield the spans that hold every match around an occurrence of `fixed`."""
    position = text.find(fixed)
    while position >= 0:
        yield max(0, position - _BEFORE_CHARS), position + _STRIDE_CHARS + _AFTER_CHARS
        position = text.find(fixed, position + _STRIDE_CHARS)


def _secrets(form: _Form, text: str, start: int, end: int) -> Iterator[int]:
    region = text[start:end]
    for pattern in form.patterns:
        for match in pattern.finditer(region):
            found = match.group()
            if form.kind == _PRIVATE_KEY:
                body = _KEY_BODY.search(region, match.end(), match.end() + _AFTER_CHARS)
                found = body.group() if body else ""
            if found and not _PLACEHOLDER.search(found):
                yield start + match.start()


@cache
def _forms() -> tuple[_Form, ...]:
    """Load the patterns when the first text is looked at: the library brings an HTTP stack along."""
    known: list[_Form] = []
    for module, name, fixed_parts in _PLUGINS:
        plugin = getattr(import_module(f"detect_secrets.plugins.{module}"), name)
        patterns: Iterable[re.Pattern[str]] = plugin.denylist
        known.append(_Form(str(plugin.secret_type), fixed_parts, tuple(patterns)))
    younger = (_Form(kind, (fixed,), (re.compile(pattern),)) for kind, fixed, pattern in _YOUNGER_FORMS)
    return (*known, *younger)
