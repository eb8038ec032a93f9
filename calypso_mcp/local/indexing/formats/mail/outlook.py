"""Outlook messages (.msg, MS-OXMSG)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from oxmsg import Message
from oxmsg.attachment import Attachment as OutlookAttachment
from oxmsg.domain.encodings import encoding_from_codepage
from oxmsg.domain.model import UnrecognizedCodePageError, UnsupportedEncodingError
from oxmsg.properties import Properties
from oxmsg.storage import Storage, Stream

from calypso_mcp.local.indexing.documents import CUT_OFF, Document, ExtractionFailed, FileContent
from calypso_mcp.local.indexing.formats.compound_files import DAMAGES, open_compound_file
from calypso_mcp.local.indexing.formats.encodings.decoding import decode_short
from calypso_mcp.local.indexing.formats.mail.letters import (
    Body,
    Letter,
    choose_body,
    decode_header_words,
    letter_document,
    unpack_rich_text,
)
from calypso_mcp.local.indexing.formats.mail.signed import is_sealed, open_sealed
from calypso_mcp.local.indexing.formats.members import MOST_DEPTH, Member

_storage: Any = Storage  # not typed
#: What olefile says of a file that lacks sectors; most of its other remarks are about the header.
_CUT: Final = re.compile("incomplete|out of range|less than declared")
#: What the libraries raise on damaged messages.
_DAMAGES: Final = (*DAMAGES, UnrecognizedCodePageError, UnsupportedEncodingError)
#: PidTagRtfCompressed (MS-OXCMSG 2.2.1.58.4): where a body is that has neither text nor HTML.
_RTF: Final = 0x1009
#: PidTagHtml, which is bytes.
_HTML: Final = 0x1013
#: PidTagMessageCodepage and PidTagInternetCodepage: what text of the types below is encoded in.
_CODE_PAGES: Final = (0x3FFD, 0x3FDE)
#: Stated without a look at the text.
_ASCII: Final = 20127
#: Types of text in a code page and in UTF-16 (MS-OXCDATA 2.11.1), and how the streams of the former end.
_STRING8: Final = 0x1E
_UNICODE: Final = 0x1F
_TEXT_STREAM: Final = "__substg1.0_"
#: The stream of PidTagBody in a code page.
_BODY_STREAM: Final = "__substg1.0_1000001E"
_PROPERTIES: Final = "__properties_version1.0"
#: The storage of an attached message, inside that of its attachment (MS-OXMSG 2.2.2.1).
_MESSAGE_STORAGE: Final = "__substg1.0_3701000D"
#: Bytes before the properties of an attached message (MS-OXMSG 2.4.1.2), and of one property. Some programs
#: write the header of a file of its own, which is 8 bytes longer.
_ATTACHED_HEADER_BYTES: Final = 24
_FILE_HEADER_BYTES: Final = 32
_PROPERTY_BYTES: Final = 16


class _AttachedMessage(Message):
    """A message inside another, whose properties begin earlier than those of a file of its own."""

    @property
    def properties(self) -> Properties:
        is_file_header = len(self._storage.properties_stream_bytes) % _PROPERTY_BYTES == 0
        header_bytes = _FILE_HEADER_BYTES if is_file_header else _ATTACHED_HEADER_BYTES
        return Properties(self._storage, properties_header_offset=header_bytes)


def read_outlook(file: FileContent) -> Document:
    """Return subject, sender, receivers, date, body and attachments.

    Raises:
        ExtractionFailed: `broken`.
    """
    try:
        with open_compound_file(file.data) as opened:
            storage: Storage = _storage.from_ole(opened)
            is_cut = any(_CUT.search(str(issue)) for _, issue in opened.parsing_issues)
        message = Message(_in_unicode(storage, _charset(storage)))
        document = letter_document([_letter(message, 0)], file)
        return replace(document, warnings=(CUT_OFF, *document.warnings)) if is_cut else document
    except _DAMAGES as error:
        raise ExtractionFailed("broken", "The file is damaged or not an Outlook message.") from error


def _charset(storage: Storage) -> str:
    """Return the encoding of a message's text: the stated one, else that of its body."""
    properties = Message(storage).properties
    for number in _CODE_PAGES:
        page = properties.int_prop_value(number)
        with suppress(UnrecognizedCodePageError, UnsupportedEncodingError):
            if page and page != _ASCII:
                return encoding_from_codepage(page)
    bodies = (stream.bytes_ for stream in storage.streams if stream.name == _BODY_STREAM)
    return decode_short(next(bodies, b"")).encoding


def _in_unicode(storage: Storage, charset: str) -> Storage:
    """Return a copy whose text is in UTF-16 without NULs at its end: no other is read rightly."""
    return Storage(
        storage.path,
        tuple(_unicode_stream(stream, charset) for stream in storage.streams),
        tuple(_in_unicode(inner, charset) for inner in storage.storages),
    )


def _unicode_stream(stream: Stream, charset: str) -> Stream:
    if stream.name == _PROPERTIES:
        entries = bytearray(stream.bytes_)
        for at in range(len(entries) % _PROPERTY_BYTES, len(entries), _PROPERTY_BYTES):
            if int.from_bytes(entries[at : at + 2], "little") == _STRING8:
                entries[at] = _UNICODE
        return Stream(stream.path, bytes(entries))
    kind = stream.name[-4:] if stream.name.startswith(_TEXT_STREAM) else ""
    if kind == f"{_STRING8:04X}":
        text = decode_short(stream.bytes_, charset).text
    elif kind == f"{_UNICODE:04X}":
        text = stream.bytes_.decode("utf-16-le", "replace")
    else:
        return stream
    return Stream(f"{stream.path[:-4]}{_UNICODE:04X}", text.rstrip("\0").encode("utf-16-le", "replace"))


def _letter(message: Message, depth: int) -> Letter:
    facts = {
        "From": decode_header_words(message.sender or ""),
        "To": ", ".join(_people(message)),
        "Date": f"{message.sent_date:%Y-%m-%d %H:%M}" if message.sent_date is not None else "",
    }
    attachments = tuple(filter(None, (_attachment(attachment, depth) for attachment in message.attachments)))
    return Letter(message.subject, facts, _body(message), attachments)


def _body(message: Message) -> tuple[Body, ...]:
    """Return the body: its text, else its HTML, else Outlook's own RTF."""
    properties = message.properties
    body = choose_body(
        ((message.body or "").encode(errors="replace"), "utf-8", "text"),
        (properties.binary_prop_value(_HTML) or b"", "", "html"),
        ((properties.str_prop_value(_HTML) or "").encode(errors="replace"), "utf-8", "html"),
    )
    packed = properties.binary_prop_value(_RTF)
    return unpack_rich_text(packed) if packed and not body else body


def _people(message: Message) -> Iterator[str]:
    for person in message.recipients:
        address = person.email_address or ""
        yield f"{person.name} <{address}>" if address and address != person.name else person.name


def _attachment(attachment: OutlookAttachment, depth: int) -> Member | Letter | None:
    # The library opens files, but no attached messages: only its private part leads to them.
    storage = attachment._storage  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - see above
    parts = storage.storages if isinstance(storage, Storage) else ()
    inner = next((part for part in parts if part.name == _MESSAGE_STORAGE), None)
    if inner is not None:
        return _letter(_AttachedMessage(inner), depth + 1) if depth < MOST_DEPTH else None
    data = attachment.file_bytes
    if data is None:
        return None
    name, kind = attachment.file_name or "attachment", attachment.mime_type or ""
    signed = open_sealed(name, data) if is_sealed(name, kind) else None
    return signed or Member(name, kind, data)
