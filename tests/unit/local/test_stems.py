"""Stems made piece by piece are those that FTS5 makes of the whole text."""

# ruff: noqa: RUF001  other scripts have letters that look like Latin ones
from __future__ import annotations

import sqlite3
from collections import Counter

import pytest

from calypso_mcp.local.retrieval.words import stems as module
from calypso_mcp.local.retrieval.words.stems import Stems
from calypso_mcp.local.retrieval.words.tokens import TOKENIZER, index_text
from calypso_mcp.sqlite.connections import connect

_TEXTS = [
    "The happy relations of Relational ties: hoping, hopes and (hopeful) sensibility; 'quoted' words!",
    'NASA and nasa, iPhone, getUserName, POL-358, "e-mail" C++ .NET src/main.rs v3.11.4 1,000,000 1914.',
    "Größe, Straße – Übermut und É\u00adcole; naïve ﬁnancial ₂ Ｗｉｄｅ",
    "Правительства решали вопросы, а решение приняли министры.",
    "Υπάρχουν πολλές κατηγορίες ΟΔΟΣ",
    "東京タワーはどこですか。 中国 的 首都",
    "ภาษาไทยเขียนโดยไม่เว้นวรรค",
    "सरकारों की नीतियाँ",
    "والمدرسة بالكتاب المعلمون",
    "a\u00a8 \u0304 \ue000abc\ue001 x_y don\u2019t\tO'Neil\r\nend",
]


def _counted_by_fts5(text: str) -> Counter[str]:
    table = sqlite3.connect(":memory:")
    try:
        table.execute(f"CREATE VIRTUAL TABLE texts USING fts5 (text, content='', tokenize=\"{TOKENIZER}\")")
        table.execute("CREATE VIRTUAL TABLE terms USING fts5vocab (texts, instance)")
        table.execute("INSERT INTO texts (rowid, text) VALUES (1, ?)", (index_text(text),))
        return Counter(term for (term,) in table.execute("SELECT term FROM terms WHERE term <> ''"))
    finally:
        table.close()


def _counted_by_pieces(stems: Stems, text: str, words: set[str], beginnings: tuple[str, ...]) -> Counter[str]:
    (pieces,) = stems.pieces([text])
    stems_of = stems.matching(words, beginnings)
    return Counter(stem for piece in pieces for stem in stems_of.get(piece, ()))


@pytest.mark.parametrize("remembered", [0, 40_000])
def test_pieces_have_the_stems_of_the_text(monkeypatch: pytest.MonkeyPatch, remembered: int) -> None:
    monkeypatch.setattr(module, "_REMEMBERED", remembered)
    stems = Stems()
    for text in _TEXTS * 2:
        expected = _counted_by_fts5(text)
        assert expected
        assert _counted_by_pieces(stems, text, set(expected), ()) == expected
        for stem, count in expected.items():
            assert _counted_by_pieces(stems, text, {stem}, ()) == {stem: count}


def test_a_beginning_finds_every_stem_that_begins_so() -> None:
    stems = Stems()
    for text in _TEXTS:
        counted = _counted_by_fts5(text)
        for beginning in {stem[:3] for stem in counted}:
            expected = {stem: count for stem, count in counted.items() if stem.startswith(beginning)}
            assert _counted_by_pieces(stems, text, set(), (beginning,)) == expected


def test_a_connection_keeps_its_stems() -> None:
    connection = connect(None)
    try:
        assert Stems.kept_by(connection) is Stems.kept_by(connection)
    finally:
        connection.close()
