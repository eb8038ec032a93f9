"""From bytes to text: declared, marked or guessed, as browsers and mail programs do it.

The order: a byte order mark; a declaration (WHATWG labels); UTF-16 and UTF-32 without a mark; UTF-8; the
escape sequences of ISO-2022; and last a guess from the frequencies of letters, accepted only if it decodes
the whole file. If nothing does, the error lists the encodings that were tried.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import compress, tee

from calypso_mcp.domain.files.text_bytes import marked_encoding, wide_encoding
from calypso_mcp.domain.unicode_forms import normalize
from calypso_mcp.local.indexing.documents import ExtractionFailed
from calypso_mcp.local.indexing.formats.encodings.guessing import ASCII, guess_encodings
from calypso_mcp.local.indexing.formats.encodings.labels import codec_of, label_of

#: UTF-8 with fewer undecodable bytes than this fraction of its foreign characters is damaged UTF-8; where no
#: other encoding fits, with fewer than the second.
_DAMAGED_UTF8, _BADLY_DAMAGED_UTF8 = 0.1, 0.5
#: That many foreign characters are valid UTF-8 by accident in no other encoding, whatever is declared.
_SURELY_UTF8 = 12
#: More NUL bytes than one and this fraction mean a binary file.
_BINARY_NULS = 0.01
#: What programs declare without looking (`us-ascii` and `iso-8859-1` mean it, too). No word in it has letters
#: that happen to be UTF-8 ("Ã¼").
_SHORT_OF_UTF8 = "cp1252"
#: Colours, movements of the cursor and titles (ECMA-48, 5.4 and 5.6), which logs keep; letters printed over
#: others, as manual pages do for bold ones.
_TERMINAL = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b\n]{0,2000}(?:\x07|\x1b\\)|[^\n]\x08")
#: Letters in seven bits: ISO-2022, HZ (RFC 1843), UTF-7 (RFC 2152), there after the last plus sign of a run.
_ESCAPES = re.compile(rb"\x1b\$[@B)A]|\x1b\(J|~\{(?:[!-w][!-~])+~\}|\+[A-Za-z0-9/]{3,}(?=[-\s]|$)")
_SEVEN_BITS = frozenset({"hz", "utf-7", "iso2022_jp", "iso2022_jp_2", "iso2022_jp_ext", "iso2022_kr"})
_FOREIGN = re.compile(r"[^\x00-\x7f]+")
#: Bytes by their characters, as the WHATWG's index has them: where there is no letter, a control.
_WINDOWS_1252 = {ord(bytes([byte]).decode("cp1252", "ignore") or chr(byte)): byte for byte in range(256)}
_ENCODED_TWICE = "the file was encoded as UTF-8 twice: the second encoding was undone"
_IS_BINARY = "The file holds binary data, not text."
_REPLACEMENT = "\ufffd"
_JUDGED_CHARS = 4_096
#: C1 controls: in every legacy encoding of texts a sign that it is the wrong one.
_C1 = re.compile("[\x80-\x84\x86-\x9f]")
#: Categories of characters that stand in no text.
_NO_TEXT = frozenset({"Cn", "Co", "Cs"})


@dataclass(frozen=True, slots=True)
class Decoded:
    """Text, its encoding, and warnings about the decoding."""

    text: str
    #: Its WHATWG or Python name.
    encoding: str
    warnings: tuple[str, ...] = ()


def decode(data: bytes, declared: str = "") -> Decoded:
    r"""Return the text in `data`, composed (NFC), with `\n` line ends, without NULs and soft hyphens.

    Args:
        data: All of the file: a part can look like another encoding.
        declared: The encoding that a content type, an XML declaration or a `meta` element names, or "".

    Raises:
        ExtractionFailed: `unsupported` for binary data, and for text in no known encoding.
    """
    found = _decode(data, declared)
    # UTF-7 can spell half a surrogate pair, which nothing can store.
    text = found.text.encode(errors="replace").decode() if found.encoding == "utf-7" else found.text
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "").replace("\xad", "")
    text = strip_terminal_codes(text)
    return Decoded(normalize("NFC", text), found.encoding, found.warnings)


def strip_terminal_codes(text: str) -> str:
    """Return `text` as a terminal would show it, without colours."""
    return _TERMINAL.sub("", text) if "\x1b" in text or "\x08" in text else text


def decode_short(data: bytes, declared: str = "") -> Decoded:
    """Decode a name or subject as `decode` does, or as Latin-1 if no known encoding fits."""
    try:
        return decode(data, declared)
    except ExtractionFailed:
        return Decoded(data.decode("latin-1"), "latin-1")


def _decode(data: bytes, declared: str) -> Decoded:
    if (found := _decode_wide(data)) is not None:
        return found
    if data.rstrip(b"\0").count(0) > 1 + _BINARY_NULS * len(data):
        raise ExtractionFailed("unsupported", _IS_BINARY)
    data = data.replace(b"\x1a", b"")  # ends a text of DOS
    by_utf8 = _decode_as(data, "utf-8")
    if by_utf8 is None:
        return _decode_legacy(data, declared)
    if data.isascii():
        return _decode_seven_bits(data, declared) or by_utf8
    is_sure = len(data) - len(by_utf8.text) >= _SURELY_UTF8
    codec = None if is_sure else codec_of(declared)
    obeyed = _decode_as(data, codec) if codec != _SHORT_OF_UTF8 else None
    return obeyed or _undo_second_encoding(by_utf8.text) or by_utf8


def _decode_wide(data: bytes) -> Decoded | None:
    """Return text with a byte order mark, or in UTF-16 or UTF-32; None for any other."""
    if (marked := marked_encoding(data)) is None:
        wide = wide_encoding(data)
        return _replacing(data, wide) if wide is not None else None
    name, length = marked
    found = _replacing(data[length:], name)
    if _is_noise(found.text):
        raise ExtractionFailed("unsupported", _IS_BINARY)
    return found


def _decode_seven_bits(data: bytes, declared: str) -> Decoded | None:
    """Return text whose foreign letters are spelled in ASCII; None where all of it is ASCII."""
    if _ESCAPES.search(data) is None:
        return None
    codec = codec_of(declared)
    obeyed = _decode_as(data, codec) if codec in _SEVEN_BITS else None
    return obeyed or _guess(data, filter(_SEVEN_BITS.__contains__, guess_encodings(data)))


def _decode_legacy(data: bytes, declared: str) -> Decoded:
    codec = codec_of(declared)
    guesses, tried = tee(guess_encodings(data))
    found = (
        _decode_as(data, codec)
        or (_decode_mixed(data) if codec in {None, "utf-8"} else None)
        or _join_surrogates(data)
        or _guess(data, guesses, declared)
        or _decode_damaged(data, codec)
    )
    if found is not None:
        return found
    names = ", ".join(dict.fromkeys(map(label_of, filter(None, ("utf-8", codec, *tried)))))
    raise ExtractionFailed(
        "unsupported",
        f"The encoding of the text is unknown (tried: {names}). Save it as UTF-8 and upload it again.",
    )


def _decode_as(data: bytes, codec: str | None) -> Decoded | None:
    """Return text in `codec`; None if it is not in it, or none is known."""
    try:
        return Decoded(data.decode(codec), codec) if codec is not None else None
    except (UnicodeDecodeError, LookupError):
        return None


def _guess(data: bytes, codecs: Iterable[str], contradicted: str = "") -> Decoded | None:
    """Return text in the first of `codecs` in which it looks right."""
    decoded = filter(None, (_decode_as(data, codec) for codec in codecs))
    found = next((text for text in decoded if not _looks_wrong(text.text)), None)
    if found is None:
        return None
    guessed = f"decoded as {label_of(found.encoding)}, guessed from its letters"
    contradicts = f" (it says {contradicted[:40]}, which does not fit)" if contradicted else ""
    return replace(found, warnings=(f"{guessed}: if they look wrong, save it as UTF-8{contradicts}",))


def _decode_mixed(data: bytes) -> Decoded | None:
    """Return UTF-8 with some lines in another encoding, or with little damage; None for other text."""
    replaced = _replacing(data, "utf-8")
    is_utf8 = _is_damaged_utf8(replaced.text, _DAMAGED_UTF8)
    return _line_by_line(data, is_utf8=is_utf8) or (replaced if is_utf8 else None)


def _decode_damaged(data: bytes, codec: str | None) -> Decoded | None:
    """Return text of which only a few characters are lost; None for noise."""
    replaced = _replacing(data, codec or "utf-8")
    if codec is None:
        is_text = _is_damaged_utf8(replaced.text, _BADLY_DAMAGED_UTF8)
    else:
        is_text = replaced.text.count(_REPLACEMENT) < _DAMAGED_UTF8 * len(replaced.text)
    return replaced if is_text else None


def _undo_second_encoding(text: str) -> Decoded | None:
    """Return what was UTF-8 before a program took it for Windows-1252 and encoded it again; else None."""
    first = _FOREIGN.search(text)
    if first is None or _undo_encoding(first[0]) is None:  # nearly every other text ends here
        return None
    once = _undo_encoding(text)
    return Decoded(once, "utf-8", (_ENCODED_TWICE,)) if once is not None else None


def _undo_encoding(text: str) -> str | None:
    try:
        return text.translate(_WINDOWS_1252).encode("latin-1").decode()
    except UnicodeError:
        return None


def _line_by_line(data: bytes, *, is_utf8: bool) -> Decoded | None:
    """Return text to which programs appended lines in another encoding than UTF-8; None for other text.

    If nearly all of it `is_utf8`, lines with letters in UTF-8, or one letter in nothing else, are damaged.
    """
    lines = data.split(b"\n")
    is_legacy = [_decode_as(line, "utf-8") is None for line in lines]
    legacy = b"\n".join(compress(lines, is_legacy))
    foreign = data.translate(None, ASCII), legacy.translate(None, ASCII)
    is_damage = is_utf8 and (len(foreign[1]) == 1 or not legacy.decode(errors="ignore").isascii())
    if is_damage or len(foreign[0]) < 2 * len(foreign[1]):
        return None
    try:
        found = _decode_legacy(legacy, "")
    except ExtractionFailed:
        return None
    others = iter(found.text.split("\n"))
    texts = (next(others) if other else line.decode() for line, other in zip(lines, is_legacy, strict=True))
    return Decoded("\n".join(texts), "utf-8", found.warnings)


def _join_surrogates(data: bytes) -> Decoded | None:
    """Return text in CESU-8 (Unicode TR 26), as old databases and Java write it; None for other text."""
    try:
        text = data.decode("utf-8", "surrogatepass").encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeError:
        return None
    return Decoded(text, "cesu-8")


def _replacing(data: bytes, codec: str) -> Decoded:
    text = data.decode(codec, "replace")
    lost = text.count(_REPLACEMENT)
    plural = "" if lost == 1 else "s"
    return Decoded(
        text, codec, (f"{lost} unreadable character{plural}: the file is damaged",) if lost else ()
    )


def _is_damaged_utf8(text: str, most: float) -> bool:
    foreign = sum(character > "\x7f" for character in text)
    return text.count(_REPLACEMENT) < most * foreign


def _is_noise(text: str) -> bool:
    """Whether most characters stand in no text, so that the byte order mark before them is chance."""
    judged = text[:_JUDGED_CHARS]
    return sum(unicodedata.category(char) in _NO_TEXT for char in judged) * 2 > len(judged)


def _looks_wrong(text: str) -> bool:
    return _C1.search(text) is not None or any(unicodedata.category(char) in _NO_TEXT for char in set(text))
