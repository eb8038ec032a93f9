"""Word's text without what hides it from anydoc: ruby, signs, drop caps, form fields, controls around rows.

The elements are those of ECMA-376 part 1, 17.3.3, 17.5.2 and 17.16.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape

from calypso_mcp.local.indexing.formats.office.packages import Package, with_powers

_PARTS = re.compile(r"^word/(?:document|footnotes|endnotes)\d*\.xml$")
_ROWS_IN_CONTROLS = re.compile(r"<w:sdtContent(?:\s[^<>]*)?>\s{0,100}<w:tr[ >]")
_CONTROL_TAGS = re.compile(r"</?w:sdt(?:Content)?(?:\s[^<>]*)?>")
_HYPHEN = re.compile(r"<w:noBreakHyphen\s*/>")
_SIGN = re.compile(
    r'<w:sym\b(?=[^<>]*\sw:font="(Symbol|Wingdings)")[^<>]*\sw:char="(?:[Ff]0|00)?([0-9A-Fa-f]{2})"[^<>]*/>'
)
#: Letters that mean what the fonts of signs show, by the names of these.
SIGNS = {
    "Symbol": str.maketrans(
        "ABCDEFGHIKLMNOPQRSTUWXYZabcdefghiklmnopqrstuwxyz\xa3\xa5\xac\xae\xb3\xb4\xb7\xb8\xb9\xbb\xd6\xde\xe5",
        "ΑΒΧΔΕΦΓΗΙΚΛΜΝΟΠΘΡΣΤΥΩΞΨΖαβχδεφγηικλμνοπθρστυωξψζ≤∞←→≥\xd7•÷≠≈√⇒∑",
    ),
    "Wingdings": str.maketrans("üûþý¨oßàáâçèéêó§lnqvØJL", "✓✗☑☒☐☐←→↑↓←→↑↓↔▪●■❑❖➢☺☹"),
}
_FORM_FIELD = re.compile(
    r"<w:fldChar\b[^<>]*>\s*+<w:ffData>((?:[^<]|<(?!/?w:ffData>))*+)</w:ffData>\s*+</w:fldChar>"
)
#: From the large first letter of a paragraph, in a frame of its own, to the rest of it (17.3.1.11).
_DROP_CAP = re.compile(
    r'(<w:framePr\b[^<>]*\sw:dropCap="(?:drop|margin)"(?:[^<]|<(?!/?w:p>|w:framePr\b))*+)'
    r"</w:p>\s*+<w:p(?:\s[^<>]*)?(?<!/)>(?:<w:pPr>(?:[^<]|<(?!/w:pPr>|/w:p>|w:pPrChange\b))*+</w:pPr>)?"
)
#: A run of text that is hidden (17.3.2.41).
_HIDDEN = re.compile(
    r"<w:r(?:\s[^<>]*)?>\s*+<w:rPr>(?:[^<]|<(?!/w:rPr>|w:(?:vanish|rPrChange|r)\b))*+"
    r'<w:vanish(?:\s+w:val="(?:1|true|on)")?\s*/>(?:[^<]|<(?!/w:r>|w:(?:r|fldChar)\b))*+</w:r>'
)
_ENTRY = re.compile(r'<w:listEntry\b[^<>]*\sw:val="([^"<>]*)"')
_CHOICE = re.compile(r'<w:result\b[^<>]*\sw:val="(\d{1,4})"')
_CHECKED = re.compile(r'<w:(?:default|checked)(?:\s+w:val="(\w+)")?\s*/>')


def with_plain_text(package: Package, mark: Callable[[str], str]) -> bytes | None:
    """Return a copy in which nothing hides text from anydoc, changed by `mark`; None if nothing changes.

    Hidden text goes; ruby keeps only its base text; signs become letters; fields of a form show what was
    chosen; content controls around rows of a table go; `^` stands before powers.
    """
    return package.rewrite(_PARTS, lambda xml: mark(_plain(xml)))


def _plain(xml: str) -> str:
    plain = _HIDDEN.sub("", xml) if "<w:vanish" in xml else xml
    plain = _without_ruby(plain) if "<w:ruby>" in plain else plain
    if _ROWS_IN_CONTROLS.search(plain) is not None:
        plain = _CONTROL_TAGS.sub("", plain)
    plain = with_powers(_DROP_CAP.sub(r"\1", plain))
    return _FORM_FIELD.sub(_chosen, _SIGN.sub(_letter, _HYPHEN.sub("<w:t>-</w:t>", plain)))


def _without_ruby(xml: str) -> str:
    first, *rest = xml.split("<w:rt>")
    based = first + "".join(part.partition("</w:rt>")[2] or part for part in rest)
    # The base is a run inside a run: the outer one ends before it.
    based = based.replace("<w:rubyBase>", "").replace("</w:rubyBase>", "")
    return based.replace("<w:ruby>", "</w:r>").replace("</w:ruby>", "<w:r>")


def _letter(sign: re.Match[str]) -> str:
    return f"<w:t>{escape(chr(int(sign[2], 16)).translate(SIGNS[sign[1]]))}</w:t>"


def _chosen(field: re.Match[str]) -> str:
    """Return a field that begins with the entry chosen from its list, or with its box."""
    entries, boxes = _ENTRY.findall(field[1]), _CHECKED.findall(field[1])
    if entries:
        choice = _CHOICE.search(field[1])
        shown = "".join(entries[int(choice[1]) if choice is not None else 0 :][:1])
    elif "<w:checkBox>" in field[1]:
        shown = "[x] " if boxes and boxes[-1] not in {"0", "false"} else "[ ] "
    else:
        return field[0]
    return f'<w:t xml:space="preserve">{shown}</w:t>{field[0]}'
