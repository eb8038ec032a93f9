"""E-mail: .eml, .mhtml and .mbox through the standard library (RFC 5322, RFC 2557, RFC 4155)."""

from __future__ import annotations

import email
import re
from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import EmailPolicy
from typing import cast

from calypso_mcp.local.indexing.documents import Document, FileContent
from calypso_mcp.local.indexing.formats.encodings.decoding import decode
from calypso_mcp.local.indexing.formats.mail.letters import Attachment, Letter, letter_document
from calypso_mcp.local.indexing.formats.texts.text import text_document

_SHOWN_HEADERS = ("From", "To", "Cc", "Date")
#: What stands before each message of a mailbox.
_FROM_LINE = re.compile(rb"^From [^\n]{3,200}\d{4}[^\n]{0,20}\r?\n", re.MULTILINE)
_QUOTED_FROM = re.compile(rb"^>(>*From )", re.MULTILINE)
_MOST_MESSAGES = 20_000
#: Characters of a header that are read: the parser of addresses takes quadratic time.
_LONGEST_HEADER = 8_000
#: A plain part shorter than this only says that there is an HTML one.
_STUB_WORDS = 20


class _BoundedHeaders(EmailPolicy):
    """Reads no header further than letters of people go."""

    def header_fetch_parse(self, name: str, value: str) -> str:
        return super().header_fetch_parse(name, value[:_LONGEST_HEADER])


_POLICY = _BoundedHeaders()


def read_mail(file: FileContent) -> Document:
    """Return one message: subject, sender, receivers, date, the best body part, and what is attached."""
    message = _parse(file.data)
    if not message.keys():
        return text_document(decode(file.data, file.charset), "no e-mail, read as plain text")
    return letter_document([_letter(message)], depth=file.depth)


def read_mailbox(file: FileContent) -> Document:
    """Return every message of a mailbox as a part of its own."""
    starts = [match.end() for match in _FROM_LINE.finditer(file.data)]
    begins = [match.start() for match in _FROM_LINE.finditer(file.data)]
    if not starts:
        return read_mail(file)
    ends = [*begins[1:], len(file.data)]
    raw = [_QUOTED_FROM.sub(rb"\1", file.data[start:end]) for start, end in zip(starts, ends, strict=True)]
    letters = [_letter(_parse(message)) for message in raw[:_MOST_MESSAGES]]
    document = letter_document(letters, depth=file.depth, numbered=True)
    if len(raw) <= _MOST_MESSAGES:
        return document
    warning = f"only the first {_MOST_MESSAGES:,} of {len(raw):,} messages were read"
    return Document(document.blocks, document.title, warnings=(*document.warnings, warning))


def _parse(data: bytes) -> EmailMessage:
    return cast("EmailMessage", email.message_from_bytes(data, policy=_POLICY))


def _letter(message: EmailMessage) -> Letter:
    facts = [f"{name}: {text}" for name in _SHOWN_HEADERS if (text := _header(message, name))]
    part = _body(message)
    body = None if part is None else _content(part)
    is_html = part is not None and part.get_content_subtype() == "html"
    attachments = tuple(_attachments(message, part))
    return Letter(_header(message, "Subject"), facts, body, "html" if is_html else "text", attachments)


def _header(message: EmailMessage, name: str) -> str:
    try:
        value = message[name]
    except Exception:  # noqa: BLE001  the parser of addresses and dates fails in many ways on damaged headers
        value = dict(message.raw_items()).get(name, "")
    return " ".join(str(value or "").split())


def _body(message: EmailMessage) -> EmailMessage | None:
    """Return the part that says most: plain text, unless it only points to the HTML."""
    leaves = [part for part in _leaves(message) if not _is_file(part)]
    texts = [part for part in leaves if part.get_content_maintype() == "text"]
    plain = next((part for part in texts if part.get_content_subtype() == "plain"), None)
    html = next((part for part in texts if part.get_content_subtype() == "html"), None)
    if plain is None or html is None:
        return plain or html or next(iter(texts), None)
    is_stub = len(_payload(plain).split()) < _STUB_WORDS < len(_payload(html).split())
    return html if is_stub else plain


def _attachments(message: EmailMessage, body: EmailMessage | None) -> Iterator[Attachment]:
    for part in _leaves(message):
        if part is body or part.get_content_maintype() == "multipart":
            continue
        is_letter = part.get_content_type() == "message/rfc822"
        name = " ".join((part.get_filename() or "").split())
        if is_letter:
            inner = part.get_payload(0) if part.is_multipart() else None
            data = inner.as_bytes() if isinstance(inner, EmailMessage) else _payload(part)
            yield Attachment(name or "message.eml", "message/rfc822", data)
        elif name and not _is_decoration(part):
            yield Attachment(name, part.get_content_type(), _payload(part))


def _leaves(message: EmailMessage) -> Iterator[EmailMessage]:
    """Yield the parts that are no containers; a letter inside counts as one."""
    stack = [message]
    while stack:
        part = stack.pop()
        if part.get_content_maintype() == "multipart" and part.is_multipart():
            inner = cast("list[object]", part.get_payload())
            stack += [part for part in reversed(inner) if isinstance(part, EmailMessage)]
        else:
            yield part


def _is_file(part: EmailMessage) -> bool:
    return part.get_content_disposition() == "attachment"


def _is_decoration(part: EmailMessage) -> bool:
    """Whether a part is a picture or style of the HTML body."""
    is_shown = part.get("Content-ID") is not None or part.get_content_disposition() == "inline"
    return is_shown and part.get_content_maintype() in {"image", "font"}


def _payload(part: EmailMessage) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _content(part: EmailMessage) -> FileContent:
    return FileContent(_payload(part), charset=part.get_content_charset("") or "")
