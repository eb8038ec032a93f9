"""The names of encodings: from a declared label to a codec, and from a codec to the name that people know."""

from __future__ import annotations

import codecs
import re

#: Python's codecs that transform or escape text.
_NO_CHARSETS = frozenset(
    {"idna", "punycode", "unicode-escape", "raw-unicode-escape", "undefined", "mbcs", "oem"}
)
_REFUSED_BY_BROWSERS = frozenset({"replacement", "x-user-defined"})
_LABELS = {"cp932": "shift_jis", "cp949": "euc-kr", "big5hkscs": "big5", "mac-roman": "macintosh"}
#: XML 1.0, 2.8 and 4.3.3.
_XML_DECLARATION = re.compile(
    rb"\s*<\?xml[^>]{0,200}?encoding\s*+=\s*+[\"']([a-zA-Z0-9_:.-]{2,40})", re.IGNORECASE
)
_LONGEST_DECLARATION = 400


def codec_of(label: str) -> str | None:
    """Return Python's codec for a label as the WHATWG Encoding Standard reads it; None for an unknown one."""
    label = label.strip()
    if not label:
        return None
    import webencodings

    known = webencodings.lookup(label)
    name = str(known.codec_info.name) if known is not None else label
    # Browsers refuse ISO-2022-KR and HZ, in which mails are written.
    name = label if name in _REFUSED_BY_BROWSERS else name
    try:
        name = codecs.lookup(name).name
        "".encode(name)
    except (LookupError, UnicodeError, ValueError):
        return None
    return None if name in _NO_CHARSETS else name


def label_of(codec: str) -> str:
    """Return the name by which people know one of Python's codecs."""
    return _LABELS.get(codec) or re.sub(r"^cp(125\d|874)$", r"windows-\1", codec)


def xml_encoding(data: bytes) -> str:
    """Return the encoding that an XML declaration at the start of `data` names; empty for none."""
    declared = _XML_DECLARATION.match(data[:_LONGEST_DECLARATION])
    return declared[1].decode("ascii") if declared is not None else ""
