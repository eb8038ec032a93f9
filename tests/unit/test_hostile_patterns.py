"""Text from outside meets every regular expression in time linear in its size."""

from __future__ import annotations

import gc
import io
import time
import zipfile
from collections.abc import Callable

import pytest

from calypso_mcp.cli.printing.hits import wrap
from calypso_mcp.domain import json_text, slugs, untrusted_text
from calypso_mcp.domain.json_text import JsonShape, excess
from calypso_mcp.domain.toml_text import parse_toml
from calypso_mcp.local.indexing import chunking
from calypso_mcp.local.indexing.documents import Block, Document, FileContent
from calypso_mcp.local.indexing.formats.hygiene import remove_embedded_files
from calypso_mcp.local.indexing.formats.office.packages import Package
from calypso_mcp.local.indexing.formats.office.slides import with_slide_marks
from calypso_mcp.local.indexing.formats.registry import choose_entry
from calypso_mcp.local.indexing.formats.texts.markdown import split_markdown
from calypso_mcp.local.retrieval import sentences
from calypso_mcp.local.retrieval.words import tokens
from calypso_mcp.local.web.robots import Robots
from calypso_mcp.server.results import excerpts
from calypso_mcp.settings.placeholders import placeholder_in

SMALL, LARGE = 100_000, 400_000


def packed(part: str) -> Callable[[str], Package]:
    def pack(text: str) -> Package:
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as package:
            package.writestr(part, text)
            package.writestr("ppt/_rels/presentation.xml.rels", "</Relationships>")
            package.writestr("[Content_Types].xml", "</Types>")
        return Package(archive.getvalue())

    return pack


def read_markdown(text: str) -> object:
    return split_markdown(text.split("\n"), 0)


def read_margins(text: str) -> object:
    return list(packed("word/header1.xml")(text).margins())


def read_closed_margins(text: str) -> object:
    return read_margins(f"<w:p>{text}</w:p>")


def read_settings(text: str) -> object:
    return choose_entry("a.toml", "", b"").read(FileContent(text.encode()))


def read_title(text: str) -> object:
    return packed("docProps/core.xml")(text).title


def read_mail(text: str) -> object:
    return choose_entry("a.eml", "", b"").read(FileContent(f"To: {text}\nSubject: x\n\nWords.".encode()))


def mark_slides(text: str) -> object:
    return with_slide_marks(packed("ppt/presentation.xml")(text))


def chunk(text: str) -> object:
    return chunking.split(Document((Block(text),)))


def clean_embedded(text: str) -> object:
    return remove_embedded_files(Document((Block(text),)))


def cut_excerpt(text: str) -> object:
    return excerpts.cut(text, "near miss", 200)


def wrap_passage(text: str) -> object:
    return wrap(text, 80)


def read_robots(text: str) -> object:
    # Each rule holds for every program named before it.
    return Robots.parse(f"{text}\n{text.replace('User-agent', 'Disallow')}").allow("/" + "a" * 2_000)


def fence(text: str) -> object:
    return untrusted_text.fence(text, "a.md")


def measure_json(text: str) -> object:
    return excess(text.encode(), JsonShape())


def repair_json(text: str) -> object:
    return json_text.parsable(text.encode())


#: What reads the text, and what the text is made of: near misses and nested repetition of its patterns.
CASES: list[tuple[Callable[[str], object], str]] = [
    *((read_markdown, unit) for unit in (" ", " #", "# \t", "|-", "-:|", "~", "<h1 ", "<h1>", "1. ", "= ")),
    *(
        (read_markdown, unit)
        for unit in ("- ```\n", "    a\n\n", " %%a", "<p  ", "<b\n", "1<sup>", "\n<A b='", "\n<style ")
    ),
    *((sentences.split, unit) for unit in ("a. ", "a.", '."', " ", "\n ", "\n\t.)", "1) ", "a\n\n")),
    *((sentences.find_spans, unit) for unit in (" 1", "1\n", "a:\n", "1:", "=\n ")),
    *((chunk, unit) for unit in (" ", "\n ", '."', "a. ", "e\u0301", ",")),
    *((clean_embedded, unit) for unit in ("data:", "data:a;a", "A" * 59, "A" * 70 + "\n", "data:a;b=c,")),
    *((cut_excerpt, unit) for unit in (" ", "near ", "nea", "\n")),
    *((wrap_passage, unit) for unit in ("? ", " ", "near|", "\n")),
    *((untrusted_text.clean, unit) for unit in ("\x1b[", "\x1b[0", "\r", "\u200b", "\u202e", "e\u0301")),
    *((fence, unit) for unit in ("`", "` ")),
    *((measure_json, unit) for unit in ('"', "\\", '\\"', '"\\')),
    *((repair_json, unit) for unit in ("\\ud83d", "\\\\ud8", "\\u")),
    *((tokens.index_text, unit) for unit in ("ال", "а", "अा", "中", "กั", "Ａ")),  # noqa: RUF001 - letters of other scripts
    *((placeholder_in, unit) for unit in ("${", "{env:", "%A", "$")),
    (slugs.slug_of, "- "),
    *((read_robots, unit) for unit in ("User-agent:a\n", "User-agent:*\n", "User-agent:*\nDisallow:/*a*b\n")),
    *((read_margins, unit) for unit in ("<w:p ", "<w:p>", "<w:t ")),
    *((read_closed_margins, unit) for unit in ("<w:t ", "<w:t>", "<w:br")),
    *((read_settings, unit) for unit in ("a.", "a.b = 1\n", "[a.")),
    (read_title, "<dc:title"),
    (read_title, "<dc:title>"),
    *((read_mail, unit) for unit in ("a@b,", '"a', "a <", "=?utf-8?q?a?= ", ",", "To: a@b,")),
    *((mark_slides, unit) for unit in ("<sldId ", '<sldId r:id="1', "sldId", ' r:id="', "<a:sldId")),
]


@pytest.mark.parametrize(
    ("read", "unit"), CASES, ids=[f"{read.__name__} {unit[:14]!r}" for read, unit in CASES]
)
def test_a_hostile_text_takes_linear_time(read: Callable[[str], object], unit: str):
    def seconds(chars: int) -> float:
        text = f"x{unit * (chars // len(unit))}x"
        gc.disable()  # it would look through all that other tests have left
        try:
            started = time.process_time()
            read(text)
            return time.process_time() - started
        finally:
            gc.enable()

    small = min(seconds(SMALL) for _ in range(2))
    large = seconds(LARGE)
    # Quadratic time would be sixteenfold. What is quick anyway is not worth a second look, and what is slow
    # may be so because of what else uses the caches of a busy machine.
    for _ in range(4):
        if large > 0.1 and large > 8 * small:
            large = min(large, seconds(LARGE))
    assert large < max(0.1, 10 * small)


def test_a_long_key_of_a_toml_table_is_not_walked_for_each_line_below_it():
    """An earlier guard looked at each line alone: this took ten seconds, twice as much forty."""
    table = "[" + "h." * 5_000 + "h]\n"
    lines = "".join(f"k{number} = 1\n" for number in range(10_000))
    # A shallow table in a string is none.
    for text in (table + lines, f"{table}s = '''\n[x]\n'''\n{lines}"):
        with pytest.raises(ValueError, match="too many parts"):
            parse_toml(text)
    assert len(parse_toml("[tool.some.thing]\n" + lines)["tool"]["some"]["thing"]) == 10_000


def test_headings_underlined_with_ever_new_signs_take_linear_time():
    def seconds(count: int) -> float:
        text = "".join(f"a\n{chr(0xE000 + number) * 4}\n\n" for number in range(count))
        started = time.process_time()
        document = choose_entry("a.rst", "", b"").read(FileContent(text.encode()))
        assert len(document.blocks) == count
        return time.process_time() - started

    assert seconds(6_000) < 20 * max(seconds(1_000), 0.01)


def test_a_table_of_rules_alone_has_no_sentences():
    assert sentences.split("a | b\nx\n|-\n|-\ny") == ["a | b", "x", "y"]
