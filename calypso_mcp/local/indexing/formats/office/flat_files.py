"""Turns office files that are one document of XML into the packages that readers know.

Flat OpenDocument (ODF 1.3 part 3, 3.1.1), Word's "XML document" (ECMA-376 part 2, flat OPC) and its form of
2003, which differs in its namespace.
"""

from __future__ import annotations

import re
import zipfile
from base64 import b64decode
from collections.abc import Iterator
from html import unescape
from io import BytesIO
from itertools import count

from calypso_mcp.local.indexing.documents import ExtractionFailed
from calypso_mcp.local.indexing.formats.office.packages import DAMAGED, take_out

_OPEN = re.compile(r"<office:document\b([^<>]*\soffice:mimetype=[\"']([\w./-]{1,100})[\"'][^<>]*)>")
_PARTS = re.compile(r"<pkg:package[\s>]")
_WORD_2003 = re.compile(r"<w:wordDocument\b([^<>]*)>")
_NAMESPACE_2003 = "http://schemas.microsoft.com/office/word/2003/wordml"
_WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_WORD_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml"
#: What Word of 2003 keeps inside its paragraphs, and later ones in parts of their own.
_BESIDE_2003 = ("w:hdr", "w:ftr", "w:footnote", "w:endnote")
_COMMENT_2003 = re.compile(r"<aml:annotation\s(?=[^<>]*\"Word\.Comment\")[^<>]*[^<>/]>")
_CHANGE_2003 = re.compile(r"</?aml:(?:annotation|content)\b[^<>]*>")
_PART = re.compile(r"<pkg:part\s[^<>]*>")
_ATTRIBUTE = re.compile(r"\spkg:(name|contentType)=[\"']([^\"']{1,500})[\"']")
_BINARY = re.compile(r"<(office:binary-data|w:binData)\b[^<>]*>[^<]*</\1>")
#: Where a root may begin.
_HEAD_CHARS = 20_000
_MAIN_RELATION = (
    '<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="rId1" Target="word/document.xml" Type="http://schemas.openxmlformats.org/officeDocument'
    '/2006/relationships/officeDocument"/></Relationships>'
)
#: Calamine takes no package without one.
_MANIFEST = '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>'
_STYLE_RELATION = _MAIN_RELATION.replace("word/document.xml", "styles.xml").replace(
    "relationships/officeDocument", "relationships/styles"
)


def pack_flat_file(text: str) -> bytes | None:
    """Return the package that an XML document describes; None if it describes none.

    Raises:
        ExtractionFailed: `broken`.
    """
    head = text[:_HEAD_CHARS]
    if (opened := _OPEN.search(head)) is not None:
        return _open_document(_BINARY.sub("", text[opened.end() :]), opened[1], opened[2])
    if (word := _WORD_2003.search(head)) is not None:
        return _word_2003(_BINARY.sub("", text[word.end() :]), word[1].replace(_NAMESPACE_2003, _WORD))
    return _zipped(_parts(text)) if _PARTS.search(head) is not None else None


def _zipped(parts: Iterator[tuple[str, str | bytes]]) -> bytes:
    target = BytesIO()
    with zipfile.ZipFile(target, "w") as package:
        for name, content in parts:
            package.writestr(name, content)
    return target.getvalue()


def _open_document(inner: str, namespaces: str, mimetype: str) -> bytes:
    inner = inner.rpartition("</office:document>")[0]

    def parts() -> Iterator[tuple[str, str]]:
        yield "mimetype", mimetype
        yield "content.xml", f"<office:document-content{namespaces}>{inner}</office:document-content>"
        for name, root, elements in (
            ("meta.xml", "office:document-meta", ("office:meta",)),
            ("styles.xml", "office:document-styles", ("office:styles", "office:master-styles")),
        ):
            slices = "".join(_slice(inner, element) for element in elements)
            yield name, f"<{root}{namespaces}>{slices}</{root}>"
        yield "META-INF/manifest.xml", _MANIFEST

    return _zipped(parts())


def _word_2003(inner: str, namespaces: str) -> bytes:
    references = (f'<w:commentReference w:id="{number}"/>' for number in count())
    inner, comments = take_out(
        inner.replace("w:hlink", "w:hyperlink"), _COMMENT_2003, "</aml:annotation>", references
    )
    beside: list[str] = []
    for element in _BESIDE_2003:
        inner, found = take_out(inner, _start_of(element), f"</{element}>")
        beside += found
    inner = _CHANGE_2003.sub("", inner)

    def parts() -> Iterator[tuple[str, str]]:
        yield "[Content_Types].xml", _content_types({"/word/document.xml": f"{_WORD_TYPE}.document.main+xml"})
        yield "_rels/.rels", _MAIN_RELATION
        yield "word/_rels/document.xml.rels", _STYLE_RELATION
        yield "word/document.xml", f"<w:document{namespaces}>{_slice(inner, 'w:body')}</w:document>"
        yield "word/styles.xml", f"<w:styles{namespaces}>{_inside(_slice(inner, 'w:styles'))}</w:styles>"
        yield "word/header1.xml", "".join(beside)
        yield (
            "word/comments.xml",
            "".join(f'<w:comment w:id="{number}">{text}</w:comment>' for number, text in enumerate(comments)),
        )

    return _zipped(parts())


def _parts(text: str) -> Iterator[tuple[str, str | bytes]]:
    """Yield the parts of a flat OPC document, the list of their types first."""
    types: dict[str, str] = {}
    found: list[tuple[str, str | bytes]] = []
    for content in take_out(text, _PART, "</pkg:part>")[1]:
        start = content.partition(">")[0]
        attributes = {name: unescape(value) for name, value in _ATTRIBUTE.findall(start)}
        name = attributes.get("name", "")
        if not name[1:]:
            continue
        types[name] = attributes.get("contentType", "application/xml")
        if "<pkg:xmlData" in content[:_HEAD_CHARS]:
            found.append((name[1:], _inside(_slice(content, "pkg:xmlData"))))
        else:
            found.append((name[1:], _bytes(_inside(_slice(content, "pkg:binaryData")))))
    yield "[Content_Types].xml", _content_types(types)
    yield from found


def _bytes(letters: str) -> bytes:
    try:
        return b64decode(letters)
    except ValueError as error:
        raise ExtractionFailed("broken", DAMAGED) from error


def _content_types(types: dict[str, str]) -> str:
    overrides = "".join(
        f'<Override PartName="{name}" ContentType="{kind}"/>'
        for name, kind in types.items()
        if "relationships+xml" not in kind
    )
    return (
        '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Default Extension="xml" ContentType="application/xml"/>{overrides}</Types>'
    )


def _slice(xml: str, element: str) -> str:
    """Return the first element with this name, tags included; empty if there is none."""
    start = _start_of(element).search(xml)
    close = f"</{element}>"
    end = xml.find(close, start.end()) if start is not None else -1
    return xml[start.start() : end + len(close)] if start is not None and end >= 0 else ""


def _start_of(element: str) -> re.Pattern[str]:
    return re.compile(rf"<{element}(?:\s[^<>]*)?(?<!/)>")


def _inside(element: str) -> str:
    return element.partition(">")[2].rpartition("</")[0]
