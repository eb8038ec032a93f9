"""The names of encodings: from a declared label to a codec, and from a codec to the name that people know."""

from __future__ import annotations

import codecs
import re

#: Codecs of Python that are transformations or escapes.
_NO_CHARSETS = frozenset(
    {"idna", "punycode", "unicode-escape", "raw-unicode-escape", "undefined", "mbcs", "oem"}
)
_LABELS = {"cp932": "shift_jis", "cp949": "euc-kr", "big5hkscs": "big5", "mac-roman": "macintosh"}


def codec_of(label: str) -> str | None:
    """Return Python's codec for a label as the WHATWG Encoding Standard reads it; None for an unknown one."""
    import webencodings

    known = webencodings.lookup(label.strip())
    if known is not None:
        return str(known.codec_info.name)
    try:
        name = codecs.lookup(label.strip()).name
        "".encode(name)
    except (LookupError, UnicodeError, ValueError):
        return None
    return None if name in _NO_CHARSETS else name


def label_of(codec: str) -> str:
    """Return the name by which people know one of Python's codecs."""
    return _LABELS.get(codec) or re.sub(r"^cp(125\d|874)$", r"windows-\1", codec)
