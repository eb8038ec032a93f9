"""E-mail: .eml, .mhtml and .mbox through the standard library (RFC 5322, RFC 2557, RFC 4155)."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from email.errors import CloseBoundaryNotFoundDefect, InvalidBase64LengthDefect
from email.message import EmailMessage

from calypso_mcp.domain.json_values import as_list
from calypso_mcp.local.indexing.documents import CUT_OFF, Document, ExtractionFailed, FileContent
from calypso_mcp.local.indexing.formats.encodings.decoding import decode
from calypso_mcp.local.indexing.formats.mail.letters import (
    Body,
    Letter,
    join_flowed_lines,
    letter_document,
)
from calypso_mcp.local.indexing.formats.mail.parsing import parse_message
from calypso_mcp.local.indexing.formats.mail.signed import is_sealed, open_sealed
from calypso_mcp.local.indexing.formats.mail.tnef import TNEF_TYPES, read_tnef
from calypso_mcp.local.indexing.formats.members import Member
from calypso_mcp.local.indexing.formats.texts.text import text_document

_SHOWN_HEADERS = ("From", "To", "Cc", "Date")
#: The line before each message of a mailbox; text may begin so, too, but without a time.
_FROM_LINE = re.compile(rb"^From [^\n]{3,200}\d\d:\d\d[^\n]{0,20}\d{4}[^\n]{0,20}\r?\n", re.MULTILINE)
_APPLE_LENGTH = re.compile(rb"(\d{1,10})[ \t]*\r?\n")
_QUOTED_FROM = re.compile(rb"^>(>*From )", re.MULTILINE)
#: A part of the message that a page refers to (RFC 2392).
_CONTENT_ID = re.compile(rb"cid:([^\s\"'<>]+)")
_MOST_MESSAGES = 20_000
#: A plain part with fewer words only points to the HTML part, if that has more or says something else.
_STUB_WORDS = 20
_WORD = re.compile(rb"[\w\x80-\xff]+")
#: What a page shows no words of; what is never closed goes on to the end.
_NO_WORDS = re.compile(
    rb"<!--[^-]*+(?:-(?!->)[^-]*+)*+(?:-->)?+|<(style|script|title)\b[^<]*+(?:<(?!/\1)[^<]*+)*+(?:</\1)?+"
    rb"|<[^<>]*>|&#?\w{1,10};"
)
#: What PGP wraps around a signed text (RFC 9580, 7).
_PGP_SIGNED = re.compile(
    rb"-----BEGIN PGP SIGNED MESSAGE-----\r?\n(?:[A-Z][a-z]+: [^\r\n]*+\r?\n){0,9}+\r?\n"
    rb"|-----BEGIN PGP SIGNATURE-----(?:[^-]|-(?!----))*+-----END PGP SIGNATURE-----"
)
_PGP_MESSAGE = b"-----BEGIN PGP MESSAGE-----"
#: Subtypes of signatures: S/MIME (RFC 8551, 3.5.3) and PGP (RFC 3156, 4 and 5).
_SIGNATURES = frozenset({"pkcs7-signature", "x-pkcs7-signature", "pgp-signature", "pgp-encrypted"})
#: The format of texts by subtype; all others are plain text.
_FORMATS = {"html": "html", "calendar": "cards"}


def read_mail(file: FileContent) -> Document:
    """Return subject, sender, receivers, date, the best body and the attachments; all letters of a box."""
    if _FROM_LINE.match(file.data):
        return read_mailbox(file)
    message = parse_message(_without_frame(file), file.allowance)
    if not message.keys():
        return text_document(decode(file.data, file.charset), "not an e-mail, read as plain text")
    document = letter_document([_letter(message)], file)
    parts = [message, *_leaves(message)]
    is_cut = any(isinstance(defect, CloseBoundaryNotFoundDefect) for part in parts for defect in part.defects)
    return replace(document, warnings=(CUT_OFF, *document.warnings)) if is_cut else document


def _without_frame(file: FileContent) -> bytes:
    """Return a message without its length before it and the properties after it, as Apple Mail stores it."""
    framed = _APPLE_LENGTH.match(file.data) if file.filename.lower().endswith(".emlx") else None
    return file.data if framed is None else file.data[framed.end() : framed.end() + int(framed[1])]


def read_mailbox(file: FileContent) -> Document:
    """Return every message of a mailbox as a part of its own."""
    lines = list(_FROM_LINE.finditer(file.data))
    if not lines:
        return read_mail(file)
    ends = [*(line.start() for line in lines[1:]), len(file.data)]
    raw = [
        _QUOTED_FROM.sub(rb"\1", file.data[line.end() : end]) for line, end in zip(lines, ends, strict=True)
    ]
    letters: list[Letter] = []
    try:
        letters.extend(_letter(parse_message(message, file.allowance)) for message in raw[:_MOST_MESSAGES])
    except ExtractionFailed:  # `letters` holds those before it
        if not letters:
            raise
    document = letter_document(letters, file, numbered=True)
    if len(letters) == len(raw):
        return document
    warning = f"only the first {len(letters):,} of {len(raw):,} messages were read"
    return replace(document, warnings=(*document.warnings, warning))


def _letter(message: EmailMessage) -> Letter:
    facts = {name: _header(message, name) for name in _SHOWN_HEADERS}
    bodies = tuple(_bodies(message))
    attachments = tuple(_attachments(message, bodies))
    return Letter(_header(message, "Subject"), facts, tuple(map(_content, bodies)), attachments)


def _header(message: EmailMessage, name: str) -> str:
    return " ".join((message[name] or "").split())


def _bodies(message: EmailMessage) -> Iterator[EmailMessage]:
    """Yield the parts that a mail program shows: of alternatives, the one that says most."""
    html_words = _html_words(message) if _is_container(message) else {}
    stack = [message]
    is_first = True
    while stack:
        part = stack.pop()
        if _is_container(part):
            stack += reversed(_shown(part, html_words))
        elif _is_shown_text(part):
            if is_first or not part.get_filename():
                yield part
            is_first = False


def _html_words(message: EmailMessage) -> dict[int, frozenset[bytes]]:
    """Return the words of the longest page in each part, by its id; every page is decoded once."""
    parts = [message]
    for part in parts:
        parts += _parts(part) if _is_container(part) else ()
    words: dict[int, frozenset[bytes]] = {}
    for part in reversed(parts):
        if _is_container(part):
            words[id(part)] = max(
                (words[id(child)] for child in _parts(part)), key=len, default=frozenset[bytes]()
            )
        else:
            is_page = part.get_content_type() == "text/html"
            words[id(part)] = _words(_NO_WORDS.sub(b" ", _payload(part).lower())) if is_page else frozenset()
    return words


def _shown(container: EmailMessage, html_words: Mapping[int, frozenset[bytes]]) -> Sequence[EmailMessage]:
    parts = _parts(container)
    kind = container.get_content_subtype()
    if kind == "alternative" and parts:
        return _best(parts, html_words)
    if kind == "related":  # a page, then the files it is made of (RFC 2387)
        pages = [part for part in parts if _is_rich(part)]
        return [*pages[:1], *_frames(pages)] or parts[:1]
    return parts


def _frames(pages: Sequence[EmailMessage]) -> Sequence[EmailMessage]:
    """Return the pages that the first one frames: all, if Excel saved a workbook, whose sheets they are."""
    outer = _payload(pages[0]) if pages else b""
    if b"<frameset" in outer.lower():
        return pages[1:]
    named = set(_CONTENT_ID.findall(outer))
    return [page for page in pages[1:] if page.get("Content-ID", "").strip(" <>").encode() in named]


def _best(
    alternatives: Sequence[EmailMessage], html_words: Mapping[int, frozenset[bytes]]
) -> Sequence[EmailMessage]:
    """Return the plain text, unless it only points to the HTML; an invitation says something of its own."""
    by_type = {part.get_content_type(): part for part in alternatives}
    plain = by_type.get("text/plain")
    rich = next((part for part in reversed(alternatives) if _is_rich(part)), None)
    if plain is None:
        chosen = alternatives[-1] if rich is None else rich
    elif rich is None:
        chosen = plain
    else:
        chosen = rich if _is_stub(_words(_payload(plain)), html_words[id(rich)]) else plain
    invitation = by_type.get("text/calendar", chosen)
    return [chosen] if invitation is chosen else [chosen, invitation]


def _is_stub(words: frozenset[bytes], page: frozenset[bytes]) -> bool:
    says_more = len(page) > _STUB_WORDS or len(words & page) * 2 < len(words)
    return not words or (len(words) < _STUB_WORDS and bool(page) and says_more)


def _is_rich(part: EmailMessage) -> bool:
    """Whether an alternative is HTML, with or without its pictures."""
    return part.get_content_type() == "text/html" or _is_container(part)


def _attachments(message: EmailMessage, bodies: Sequence[EmailMessage]) -> Iterator[Member | Letter]:
    shown = set(map(id, bodies))
    left = (part for part in _leaves(message) if id(part) not in shown)
    return filter(None, (_attachment(part) for part in left if part.get_content_maintype() != "multipart"))


def _attachment(part: EmailMessage) -> Member | Letter | None:
    """Return what a part holds that the body does not show; None for its decoration."""
    kind = part.get_content_type()
    name = " ".join((part.get_filename() or "").split())
    if kind == "message/rfc822":
        return Member(name or "message.eml", kind, _inner_message(part))
    if kind == "message/delivery-status":
        return Member(name or "status.txt", "text/plain", b"\n".join(map(bytes, _parts(part))))
    if (opened := _opened(part, name)) is not None:
        return opened
    is_file = (name or _is_nameless_file(part)) and not _is_decoration(part)
    return Member(name or "attachment", kind, _payload(part)) if is_file else None


def _opened(part: EmailMessage, name: str) -> Member | Letter | None:
    """Return what is inside an envelope: a signature, or `winmail.dat`; None for any other part."""
    kind = part.get_content_type()
    if is_sealed(name, kind):
        return open_sealed(name, _payload(part))
    is_tnef = kind in TNEF_TYPES or name.lower() == "winmail.dat"
    return read_tnef(_payload(part)) if is_tnef else None


def _inner_message(part: EmailMessage) -> bytes:
    """Return a message inside another; some programs encode it, against RFC 2046, 5.2.1."""
    inner = part.get_payload(0) if part.is_multipart() else None
    if not isinstance(inner, EmailMessage):
        return _payload(part)
    transfer = str(part.get("Content-Transfer-Encoding", "")).strip().lower()
    if transfer == "base64" and not inner.keys():
        with suppress(ValueError):
            return b64decode(str(inner.get_payload()))
    return inner.as_bytes()


def _leaves(message: EmailMessage) -> Iterator[EmailMessage]:
    """Yield the parts that are no containers; a letter inside counts as one."""
    stack = [message]
    while stack:
        part = stack.pop()
        if _is_container(part):
            stack += reversed(_parts(part))
        else:
            yield part


def _is_container(part: EmailMessage) -> bool:
    return part.get_content_maintype() == "multipart" and part.is_multipart()


def _is_shown_text(part: EmailMessage) -> bool:
    """Whether a part is text, as are several parts that nothing separates, and not attached."""
    return (
        part.get_content_maintype() in {"text", "multipart"}
        and part.get_content_disposition() != "attachment"
        and not _is_encrypted_text(part)
    )


def _parts(part: EmailMessage) -> list[EmailMessage]:
    return [child for child in as_list(part.get_payload()) if isinstance(child, EmailMessage)]


def _is_decoration(part: EmailMessage) -> bool:
    """Whether a part is a picture or style of the HTML body, or a signature."""
    if part.get_content_subtype() in _SIGNATURES:
        return True
    is_shown = part.get("Content-ID") is not None or part.get_content_disposition() == "inline"
    return is_shown and part.get_content_maintype() in {"image", "font"}


def _is_nameless_file(part: EmailMessage) -> bool:
    """Whether a part without name is attached, as scanners send PDFs; those of a page have a location."""
    if part.get_content_disposition() == "attachment" or _is_encrypted_text(part):
        return True
    return part.get_content_maintype() == "application" and part.get("Content-Location") is None


def _is_encrypted_text(part: EmailMessage) -> bool:
    return part.get_content_type() == "text/plain" and _payload(part).lstrip().startswith(_PGP_MESSAGE)


def _payload(part: EmailMessage) -> bytes:
    payload = part.get_payload(decode=True)
    if not isinstance(payload, bytes):
        return b""
    if any(isinstance(defect, InvalidBase64LengthDefect) for defect in part.defects):
        # The message was cut off, and is returned as it is encoded.
        with suppress(ValueError):
            return b64decode(payload[: len(payload) // 4 * 4])
    return payload


def _words(text: bytes) -> frozenset[bytes]:
    return frozenset(_WORD.findall(text.lower()))


def _content(part: EmailMessage) -> Body:
    format_name = _FORMATS.get(part.get_content_subtype(), "text")
    data = _PGP_SIGNED.sub(b"", _payload(part))
    if str(part.get_param("format", "")).lower() == "flowed":
        data = join_flowed_lines(data, b"" if str(part.get_param("delsp", "")).lower() == "yes" else b" ")
    return Body(FileContent(data, charset=part.get_content_charset("") or ""), format_name)
