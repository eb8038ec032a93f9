"""The sentences of `producers` as Outlook messages."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

import compressed_rtf
import msgforge
from aspose.email_foss import msg

from tests.support.producers import SECTIONS, SENTENCES, SOUGHT, Made

#: PidTagRtfCompressed.
_RTF = 0x1009
_ASCII = 128
_PAIRS = tuple(zip(SECTIONS, SENTENCES, strict=True))
_TEXT = "\r\n\r\n".join(f"{title}\r\n{sentence}" for title, sentence in _PAIRS)
_PAGE = "".join(f"<p>{escape(title)}</p><p>{escape(sentence)}</p>" for title, sentence in _PAIRS)


def made_as_outlook_messages() -> Iterator[Made]:
    """Yield messages of two libraries: text, HTML, both, with an attachment, and one inside another."""
    receiver = [("anna@example.com", "Anna")]
    for name, bodies in (
        ("msgforge-text", (_TEXT, "")),
        ("msgforge-html", ("", _PAGE)),
        ("msgforge-both", (_TEXT, _PAGE)),
    ):
        text, page = bodies
        message: Any = msgforge.Message(SECTIONS[SOUGHT], html_body=page, text_body=text, to=receiver)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "message.msg")
            message.save(str(path))
            yield Made(f"{name}.msg", path.read_bytes(), SECTIONS[SOUGHT])
    yield Made("aspose-text.msg", _aspose(_TEXT).to_bytes(), SECTIONS[SOUGHT])
    with_file = _aspose("See the file.")
    with_file.add_attachment("rules.txt", _TEXT.encode(), mime_type="text/plain")
    yield Made("aspose-attachment.msg", with_file.to_bytes(), None)
    outer = _aspose("See the message.")
    outer.add_embedded_message_attachment(_aspose(_TEXT))
    yield Made("aspose-message-inside.msg", outer.to_bytes(), None)
    rich = _aspose("")
    rich.set_property(_RTF, msg.PropertyTypeCode.PTYP_BINARY, compressed_rtf.compress(_rich_text()))
    yield Made("aspose-rtf.msg", rich.to_bytes(), None)


def _aspose(body: str) -> Any:
    message: Any = msg.MapiMessage.create(SECTIONS[SOUGHT], body)
    message.set_property(msg.PropertyId.SENDER_NAME, "Berta")
    message.add_recipient("anna@example.com", display_name="Anna")
    return message


def _rich_text() -> bytes:
    escaped = "".join(char if ord(char) < _ASCII else f"\\u{ord(char)}?" for char in _TEXT)
    return ("{\\rtf1\\ansi " + escaped.replace("\r\n", "\\par\r\n") + "}").encode("ascii")
