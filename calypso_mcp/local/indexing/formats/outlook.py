"""Outlook messages (.msg, MS-OXMSG)."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO

from oxmsg import Message
from oxmsg.attachment import Attachment as OutlookAttachment

from calypso_mcp.local.indexing.documents import Document, ExtractionFailed, FileContent
from calypso_mcp.local.indexing.formats.letters import Attachment, Letter, letter_document


def read_outlook(file: FileContent) -> Document:
    """Return subject, sender, receivers, date, body and attachments.

    Raises:
        ExtractionFailed: `broken`.
    """
    try:
        message = Message.load(BytesIO(file.data))
    except Exception as error:
        raise ExtractionFailed("broken", "The file is damaged, or no Outlook message.") from error
    to = ", ".join(_people(message))
    sent = message.sent_date
    facts = [
        *([f"From: {message.sender}"] if message.sender else []),
        *([f"To: {to}"] if to else []),
        *([f"Date: {sent:%Y-%m-%d %H:%M}"] if sent is not None else []),
    ]
    text, html = message.body, message.html_body
    body = text if text and text.strip() else html
    content = FileContent(body.encode(errors="replace"), charset="utf-8") if body else None
    kind = "text" if body is text else "html"
    attachments = tuple(filter(None, map(_attachment, message.attachments)))
    return letter_document([Letter(message.subject, facts, content, kind, attachments)], depth=file.depth)


def _people(message: Message) -> Iterator[str]:
    for person in message.recipients:
        address = person.email_address or ""
        yield f"{person.name} <{address}>" if address and address != person.name else person.name


def _attachment(one: OutlookAttachment) -> Attachment | None:
    data = one.file_bytes
    return None if data is None else Attachment(one.file_name or "attachment", one.mime_type or "", data)
