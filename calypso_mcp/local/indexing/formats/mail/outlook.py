"""Outlook messages (.msg, MS-OXMSG)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from io import BytesIO
from typing import Any, Final

import compressed_rtf
from oxmsg import Message
from oxmsg.attachment import Attachment as OutlookAttachment
from oxmsg.properties import Properties
from oxmsg.storage import Storage

from calypso_mcp.local.indexing.documents import Document, ExtractionFailed, FileContent
from calypso_mcp.local.indexing.formats.mail.letters import Body, Letter, letter_document
from calypso_mcp.local.indexing.formats.members import Member

#: PidTagRtfCompressed (MS-OXCMSG 2.2.1.58.4): where a body is that has neither text nor HTML.
_RTF: Final = 0x1009
#: The storage of an attached message, inside that of its attachment (MS-OXMSG 2.2.2.1).
_MESSAGE_STORAGE: Final = "__substg1.0_3701000D"
#: Bytes before the properties of an attached message (MS-OXMSG 2.4.1.2), and of one property. Some programs
#: write the header of a file of its own, which is 8 bytes longer.
_ATTACHED_HEADER_BYTES: Final = 24
_FILE_HEADER_BYTES: Final = 32
_PROPERTY_BYTES: Final = 16
#: Messages attached to messages attached to messages.
_MOST_DEPTH: Final = 3


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
        message = Message.load(BytesIO(file.data))
    except Exception as error:
        raise ExtractionFailed("broken", "The file is damaged, or no Outlook message.") from error
    return letter_document([_letter(message, 0)], file)


def _letter(message: Message, depth: int) -> Letter:
    to = ", ".join(_people(message))
    sent = message.sent_date
    facts = [
        *([f"From: {_decoded(message.sender)}"] if message.sender else []),
        *([f"To: {to}"] if to else []),
        *([f"Date: {sent:%Y-%m-%d %H:%M}"] if sent is not None else []),
    ]
    attachments = tuple(filter(None, (_attachment(attachment, depth) for attachment in message.attachments)))
    return Letter(message.subject, facts, tuple(_bodies(message)), attachments)


def _bodies(message: Message) -> Iterator[Body]:
    """Yield the body: as text where there is any, else as HTML, else as Outlook's own RTF."""
    for body, kind in ((message.body, "text"), (message.html_body, "html")):
        if body and body.strip():
            yield Body(FileContent(body.encode(errors="replace"), charset="utf-8"), kind)
            return
    packed = message.properties.binary_prop_value(_RTF)
    if not packed:
        return
    library: Any = compressed_rtf  # it states no types
    unpack: Callable[[bytes], bytes] = library.decompress
    yield Body(FileContent(unpack(packed)), "rtf")


def _people(message: Message) -> Iterator[str]:
    for person in message.recipients:
        address = person.email_address or ""
        yield f"{person.name} <{address}>" if address and address != person.name else person.name


def _decoded(header: str) -> str:
    """Return a header with its encoded words (RFC 2047) as people read them."""
    try:
        return str(make_header(decode_header(header)))
    except (HeaderParseError, LookupError, UnicodeError):
        return header


def _attachment(attachment: OutlookAttachment, depth: int) -> Member | Letter | None:
    # The library opens files, but no attached messages: only its private part leads to them.
    storage = attachment._storage  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - see above
    parts = storage.storages if isinstance(storage, Storage) else ()
    inner = next((part for part in parts if part.name == _MESSAGE_STORAGE), None)
    if inner is not None:
        return _letter(_AttachedMessage(inner), depth + 1) if depth < _MOST_DEPTH else None
    data = attachment.file_bytes
    return (
        None
        if data is None
        else Member(attachment.file_name or "attachment", attachment.mime_type or "", data)
    )
