"""The sentences of `producers` in other shapes of the formats of text and mail."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from email.message import EmailMessage
from html import escape

from tests.support.producers import SECTIONS, SENTENCES, SOUGHT, Made

_PAIRS = tuple(zip(SECTIONS, SENTENCES, strict=True))


def made_by_hand() -> Iterator[Made]:
    """Yield five shapes of each format."""
    yield from _pages()
    yield from _tables()
    yield from _structures()
    yield from _letters()


def _pages() -> Iterator[Made]:
    place = SECTIONS[SOUGHT]
    pairs = [(escape(title), escape(text)) for title, text in _PAIRS]
    shapes = {
        "headings": "".join(f"<h2>{title}</h2><p>{text}</p>" for title, text in pairs),
        "unclosed": "".join(f"<h2>{title}<p>{text}" for title, text in pairs),
        "table": "<table>" + "".join(f"<tr><th>{a}</th><td>{b}</td></tr>" for a, b in pairs) + "</table>",
        "definitions": "<dl>" + "".join(f"<dt>{a}</dt><dd>{b}</dd>" for a, b in pairs) + "</dl>",
    }
    for name, body in shapes.items():
        yield Made(f"{name}.html", f"<meta charset=utf-8><body>{body}".encode(), place)
    page = f"<html><head><meta charset='gb18030'></head><body>{shapes['headings']}</body></html>"
    yield Made("declared.html", page.encode("gb18030"), place)
    yield Made("atx.md", "\n\n".join(f"## {a}\n\n{b}" for a, b in _PAIRS).encode(), place)
    yield Made("setext.md", "\n\n".join(f"{a}\n-----\n{b}" for a, b in _PAIRS).encode("utf-16"), place)


def _tables() -> Iterator[Made]:
    place = ("row", SOUGHT + 2)
    for name, mark, is_quoted in (
        ("comma.csv", ",", False),
        ("quoted.csv", ",", True),
        ("semicolon.csv", ";", False),
        ("tab.tsv", "\t", False),
    ):
        target = io.StringIO()
        quoting = csv.QUOTE_ALL if is_quoted else csv.QUOTE_MINIMAL
        csv.writer(target, delimiter=mark, quoting=quoting).writerows([("section", "rule"), *_PAIRS])
        yield Made(name, target.getvalue().encode(), place)
        if name == "tab.tsv":
            yield Made("excel-unicode.tsv", target.getvalue().encode("utf-16"), place)


def _structures() -> Iterator[Made]:
    records = [{"section": title, "rule": text} for title, text in _PAIRS]
    yield Made("escaped.json", json.dumps(records).encode(), None)
    yield Made("plain.json", json.dumps(dict(_PAIRS), ensure_ascii=False, indent=2).encode(), None)
    yield Made("nested.json", json.dumps({"a": {"b": records}}).encode("utf-16"), None)
    lines = "\n".join(map(json.dumps, records))
    yield Made("lines.jsonl", lines.encode(), ("row", SOUGHT + 1))
    yield Made("marked.json", json.dumps(records, ensure_ascii=False).encode("utf-8-sig"), None)
    items = "".join(f"<item name='{escape(a)}'>{escape(b)}</item>\n" for a, b in _PAIRS)
    for name, encoding in (("utf-8", "utf-8"), ("utf-16", "utf-16"), ("gb18030", "gb18030")):
        text = f"<?xml version='1.0' encoding='{encoding}'?>\n<all>{items}</all>"
        yield Made(f"{name}.xml", text.encode(encoding), None)


def _letters() -> Iterator[Made]:
    body = "\n\n".join(f"{title}\n{text}" for title, text in _PAIRS)
    page = "".join(f"<p>{escape(title)}</p><p>{escape(text)}</p>" for title, text in _PAIRS)
    for transfer in ("base64", "quoted-printable", "8bit"):
        letter = EmailMessage()
        letter["Subject"] = SECTIONS[SOUGHT]
        letter.set_content(body, cte=transfer)
        yield Made(f"{transfer}.eml", letter.as_bytes(), SECTIONS[SOUGHT])
    letter = EmailMessage()
    letter["Subject"] = SECTIONS[SOUGHT]
    letter.set_content(page, subtype="html")
    yield Made("html.eml", letter.as_bytes(), SECTIONS[SOUGHT])
    letter.make_mixed()
    letter.add_attachment(body, filename="rules.txt")
    yield Made("attached.eml", letter.as_bytes(), SECTIONS[SOUGHT])
