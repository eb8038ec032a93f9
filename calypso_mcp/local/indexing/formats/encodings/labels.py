"""The names of encodings: from a declared label to a codec, and from a codec to the name that people know."""

from __future__ import annotations

import codecs
import re

#: Codecs of Python that are transformations or escapes.
_NO_CHARSETS = frozenset(
    {"idna", "punycode", "unicode-escape", "raw-unicode-escape", "undefined", "mbcs", "oem"}
)
_REFUSED_BY_BROWSERS = frozenset({"replacement", "x-user-defined"})
_LABELS = {"cp932": "shift_jis", "cp949": "euc-kr", "big5hkscs": "big5", "mac-roman": "macintosh"}


def codec_of(label: str) -> str | None:
    """Return Python's codec for a label as the WHATWG Encoding Standard reads it; None for an unknown one."""
    import webencodings

    known = webencodings.lookup(label.strip())
    name = str(known.codec_info.name) if known is not None else label.strip()
    # Browsers refuse ISO-2022-KR and HZ, in which mails are written.
    name = label.strip() if name in _REFUSED_BY_BROWSERS else name
    try:
        name = codecs.lookup(name).name
        "".encode(name)
    except (LookupError, UnicodeError, ValueError):
        return None
    return None if name in _NO_CHARSETS else name


def label_of(codec: str) -> str:
    """Return the name by which people know one of Python's codecs."""
    return _LABELS.get(codec) or re.sub(r"^cp(125\d|874)$", r"windows-\1", codec)
