"""Letters as Exchange, Outlook and S/MIME pack them."""

from __future__ import annotations

import struct
import time
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import compressed_rtf
import msgforge
import pytest
from aspose.email_foss import msg
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from cryptography.x509.oid import NameOID

from calypso_mcp.local.indexing.documents import CUT_OFF, Document, ExtractionFailed, FileContent
from calypso_mcp.local.indexing.formats.mail.signed import extract_signed
from calypso_mcp.local.indexing.formats.mail.tnef import read_tnef
from calypso_mcp.local.indexing.formats.registry import choose_entry
from tests.support.old_files import holding_itself
from tests.support.scans import typeset

SENTENCE = "Отпуск составляет двадцать восемь календарных дней."
_RICH = b"{\\rtf1\\ansi Ninety days.\\par}"


def read(name: str, data: bytes) -> Document:
    return choose_entry(name, "", data[:8_192]).read(FileContent(data, name))


@pytest.mark.parametrize("page", [1251, None])
def test_outlook_messages_of_a_code_page_are_read_in_it(page: int | None) -> None:
    message: Any = msg.MapiMessage.create(unicode_strings=False)
    for number, text in ((0x37, "Отпуск"), (0x1000, SENTENCE), (0xC1A, "Анна\0"), (0xC1F, "a@b.c")):
        message.set_property(number, msg.PropertyTypeCode.PTYP_STRING8, text.encode("cp1251"))
    if page is not None:
        message.set_property(0x3FFD, msg.PropertyTypeCode.PTYP_INTEGER32, page)
    text = read("a.msg", message.to_bytes()).text
    assert text == f'Отпуск\n\nFrom: "Анна" <a@b.c>\n\n{SENTENCE}'


def _attribute(number: int, content: bytes) -> bytes:
    return struct.pack("<BII", 1, number, len(content)) + content + struct.pack("<H", sum(content) & 0xFFFF)


def _property(number: int, kind: int, content: bytes) -> bytes:
    padded = content + bytes(-len(content) % 4)
    return struct.pack("<HHII", kind, number, 1, len(content)) + padded


def _properties(*properties: bytes) -> bytes:
    return struct.pack("<I", len(properties)) + b"".join(properties)


def _winmail(*attributes: bytes) -> bytes:
    return struct.pack("<IH", 0x223E9F78, 1) + b"".join(attributes)


_FILE = (
    _attribute(0x69002, bytes(14)),
    _attribute(0x18010, b"RULES~1.TXT\0"),
    _attribute(0x6800F, b"The kestrel nests on the tower."),
    _attribute(0x69005, _properties(_property(0x3707, 0x1F, "Türme.txt".encode("utf-16-le")))),
)
_TERM = "Срок: один месяц."
BODIES = {
    "text": _attribute(0x2800C, f"{_TERM}\0".encode("cp1251")),
    "text in Unicode": _attribute(0x69003, _properties(_property(0x1000, 0x1F, _TERM.encode("utf-16-le")))),
    "HTML": _attribute(0x69003, _properties(_property(0x1013, 0x102, f"<p>{_TERM}</p>".encode()))),
}


def _letter_with(data: bytes) -> bytes:
    letter = EmailMessage()
    letter["Subject"] = "Rules"
    letter.set_content("See below.")
    letter.add_attachment(data, "application", "ms-tnef", filename="winmail.dat")
    return letter.as_bytes()


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_what_exchange_packs_into_one_file_is_read(body: bytes) -> None:
    page = _attribute(0x69007, struct.pack("<II", 1251, 0))
    document = read("a.eml", _letter_with(_winmail(page, body, *_FILE)))
    text = "Срок: один месяц.\n\nAttachment: Türme.txt\n\nThe kestrel nests on the tower."
    assert (document.text, document.warnings) == (f"Rules\n\nSee below.\n\n{text}", ())


def test_the_rich_text_of_exchange_is_read_and_a_damaged_one_is_named() -> None:
    packed = compressed_rtf.compress(_RICH)
    whole = _winmail(_attribute(0x69003, _properties(_property(0x1009, 0x102, packed))))
    assert read("a.eml", _letter_with(whole)).text.endswith("Ninety days.")
    broken = whole.replace(packed, packed[:20] + bytes(len(packed) - 20))
    [warning] = read("a.eml", _letter_with(broken)).warnings
    assert "text of the message" in warning


def test_a_damaged_file_of_exchange_harms_nothing() -> None:
    whole = _winmail(*BODIES.values(), *_FILE)
    for at in range(len(whole)):
        read_tnef(whole[:at])
        read_tnef(whole[:at] + b"\xff\xff\xff\x7f" + whole[at + 4 :])
    [warning] = read("a.eml", _letter_with(whole[:6] + b"\xff" * 60)).warnings
    assert "winmail.dat" in warning


def _signed(message: bytes) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Anna")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    builder = pkcs7.PKCS7SignatureBuilder().set_data(message).add_signer(certificate, key, hashes.SHA256())
    return builder.sign(Encoding.DER, [pkcs7.PKCS7Options.Binary])


#: As programs write it that do not know how long the message is (X.690, 8.1.3.6): strings in parts.
_STREAMED = (
    bytes.fromhex("3080 06092a864886f70d010702 a080 3080 020101 3100 3080 06092a864886f70d010701 a080 2480")
    + b"\x04\x1bContent-Type: text/plain\r\n\r" + b"\x04\x0d\nNinety days."
    + bytes(12)
)  # fmt: skip
_SIGNED = _signed(b"Content-Type: text/plain; charset=utf-8\r\n\r\nNinety days.\r\n")


def _opaque(data: bytes) -> bytes:
    letter = EmailMessage()
    letter["Subject"] = "Terms"
    letter.set_content(data, "application", "pkcs7-mime", filename="smime.p7m")
    return letter.as_bytes()


@pytest.mark.parametrize("data", [_SIGNED, _STREAMED], ids=["whole", "streamed"])
def test_a_message_behind_its_signature_is_read(data: bytes) -> None:
    document = read("a.eml", _opaque(data))
    assert (document.text, document.warnings) == (
        "Terms\n\nAttachment: signed message.eml\n\nNinety days.",
        (),
    )


_BESIDE = (
    b"MIME-Version: 1.0\r\nContent-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n"
    b"Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\nTmluZXR5IGRheXMu\r\n--b\r\n"
    b"Content-Type: application/pkcs7-signature; name=smime.p7s\r\n\r\nMIIC\r\n--b--\r\n"
)


@pytest.mark.parametrize("data", [_BESIDE, _SIGNED], ids=["beside", "inside"])
def test_a_signed_message_that_outlook_keeps_as_an_attachment_is_read(data: bytes) -> None:
    message: Any = msg.MapiMessage.create("Terms", "")
    message.add_attachment("smime.p7m", data)
    document = read("a.msg", message.to_bytes())
    assert (document.text, document.warnings) == (
        "Terms\n\nAttachment: signed message.eml\n\nNinety days.",
        (),
    )


@pytest.mark.parametrize(
    ("name", "inner", "shown"),
    [
        ("note.txt.P7M", b"Note: ninety days.", ["Attachment: note.txt", "Note: ninety days."]),
        ("bill.xml.p7m", b"<a><b>Ninety</b></a>", ["Attachment: bill.xml", "b: Ninety"]),
        (
            "Re. terms.p7m",
            b"To: a@b.c,\r\n d@b.c\r\nContent-Type: text/plain\r\n\r\nNinety.",
            ["Attachment: signed message.eml", "To: a@b.c, d@b.c", "Ninety."],
        ),
    ],
)
def test_a_signed_file_is_read_as_what_it_is(name: str, inner: bytes, shown: list[str]) -> None:
    letter = EmailMessage()
    letter["Subject"] = "Terms"
    letter.set_content("See there.")
    letter.add_attachment(_signed(inner), "application", "pkcs7-mime", filename=name)
    document = read("a.eml", letter.as_bytes())
    assert [block.text for block in document.blocks] == ["Terms", "See there.", *shown]
    assert document.warnings == ()


def test_an_encrypted_or_damaged_message_says_that_it_was_not_read() -> None:
    encrypted = _SIGNED.replace(bytes.fromhex("010702"), bytes.fromhex("010703"))
    for data in (
        _SIGNED[:60],
        encrypted,
        b"0\x80" * 5_000,
        b"-----BEGIN PKCS7-----\nMIIC\n-----END PKCS7-----\n",
    ):
        [warning] = read("a.eml", _opaque(data)).warnings
        assert "smime.p7m" in warning


def _with_part(part: str) -> str:
    """Return a letter of two parts without names."""
    text = "Content-Type: text/plain\n\nSee there.\n"
    return f"Content-Type: multipart/mixed; boundary=B\n\n--B\n{text}--B\n{part}\n--B--\n"


_PDF = (
    "Content-Type: application/pdf\nContent-Transfer-Encoding: base64\n\n"
    + b64encode(typeset(["Ninety days"])).decode()
)
_CSV = "Content-Type: text/csv\nContent-Disposition: attachment\n\nterm,days\nnotice,Ninety days"
_PGP = "-----BEGIN PGP MESSAGE-----\n\nhQEMA5vJ2Rm8mFZ\n-----END PGP MESSAGE-----"


@pytest.mark.parametrize("letter", [_PDF, _with_part(_PDF), _with_part(_CSV)])
def test_attachments_without_a_name_are_read(letter: str) -> None:
    document = read("a.eml", f"Subject: Terms\n{letter}".encode())
    assert "Ninety days" in document.text
    assert "Attachment: attachment" in document.text


@pytest.mark.parametrize(
    "letter",
    [
        f"Content-Type: text/plain\n\n{_PGP}\n",
        _with_part(f"Content-Type: application/octet-stream\n\n{_PGP}"),
    ],
)
def test_a_message_encrypted_by_pgp_says_so_and_is_not_taken_for_text(letter: str) -> None:
    document = read("a.eml", f"Subject: Terms\n{letter}".encode())
    assert "hQEMA" not in document.text
    [warning] = document.warnings
    assert "encrypted" in warning


def test_a_mailbox_is_known_by_its_first_line() -> None:
    message = "From - Wed Mar  5 10:11:12 2025\nSubject: {0}\nMIME-Version: 1.0\n\nAbout {0}.\n\n"
    document = read("Inbox", "".join(map(message.format, ("boats", "trains"))).encode())
    parts = [(block.part.number, block.text) for block in document.blocks if block.part]
    assert parts == [(1, "boats"), (1, "About boats."), (2, "trains"), (2, "About trains.")]


def _multipart(kind: str, part: str, number: int) -> bytes:
    head = f"Subject: Terms\nContent-Type: multipart/{kind}; boundary=b\n\n"
    return (head + f"--b\n{part}\n" * number + "--b--\n").encode()


def test_a_message_of_very_many_parts_is_refused_soon() -> None:
    started = time.process_time()
    with pytest.raises(ExtractionFailed, match="too many parts"):
        read("a.eml", _multipart("mixed", "\nNinety days.", 300_000))
    assert time.process_time() - started < 5


def test_of_a_mailbox_of_very_many_parts_the_first_messages_are_read() -> None:
    line = b"From a@example.com Thu Jan  1 00:00:00 2026\n"
    document = read("a.mbox", (line + _multipart("mixed", "\nNinety days.", 16_000)) * 3)
    assert document.text.count("Terms") == 1
    assert "only the first 1 of 3 messages were read" in document.warnings


def test_of_very_many_pages_in_one_message_the_first_are_read() -> None:
    page = "Content-Type: text/html\n\n<p>Ninety days.</p><frameset>"
    started = time.process_time()
    document = read("a.mhtml", _multipart("related", page, 10_000))
    assert time.process_time() - started < 5
    assert document.text.count("Ninety days.") == 1_000
    assert document.warnings == ("9,000 texts of a message were not read: there are too many",)


def test_what_a_hostile_message_counts_is_not_taken_at_its_word() -> None:
    """Four megabytes of lists without an end once took a quarter of a minute."""
    strings = struct.pack("<IHHI", 1, 0x101E, 0x1009, 0xFFFF_FFFF) + bytes(4 << 20)
    parts = _STREAMED[: _STREAMED.index(b"\x04\x1b")] + b"\4\0" * (2 << 20) + bytes(12)
    started = time.process_time()
    assert read_tnef(_winmail(_attribute(0x69003, strings))) is None
    assert extract_signed(parts) is None
    assert time.process_time() - started < 5


@pytest.mark.parametrize("page", [1, 65_535, 2_147_483_647])
def test_an_outlook_message_of_no_known_code_page_is_called_damaged(page: int) -> None:
    message: Any = msg.MapiMessage.create(unicode_strings=False)
    message.set_property(0x1000, msg.PropertyTypeCode.PTYP_STRING8, b"Ninety days.")
    message.set_property(0x3FFD, msg.PropertyTypeCode.PTYP_INTEGER32, page)
    with pytest.raises(ExtractionFailed, match="is damaged"):
        read("a.msg", message.to_bytes())


def test_an_outlook_message_that_holds_itself_is_called_damaged() -> None:
    data = msg.MapiMessage.create().to_bytes()
    with pytest.raises(ExtractionFailed, match="is damaged"):
        read("a.msg", holding_itself(data))


def test_a_message_that_is_cut_off_says_so(tmp_path: Path) -> None:
    letter = EmailMessage()
    letter.set_content("Ninety days.")
    letter.add_attachment("Sixty days.", filename="more.txt")
    outlook: Any = msgforge.Message("Terms", text_body="Ninety days. " * 900)
    outlook.save(str(tmp_path / "whole"))
    for name, data in (("a.eml", letter.as_bytes()), ("a.msg", (tmp_path / "whole").read_bytes())):
        assert read(name, data).warnings == ()
        assert CUT_OFF in read(name, data[:-1_024] if name == "a.msg" else data[:-30]).warnings
    saved_in_steps = bytearray((tmp_path / "whole").read_bytes())
    saved_in_steps[52] = 1  # the signature number of a transaction (MS-CFB, 2.2)
    assert read("a.msg", bytes(saved_in_steps)).warnings == ()
