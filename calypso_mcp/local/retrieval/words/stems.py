"""The stems of words as FTS5 makes them, for texts that are ranked without being indexed again.

A text is cut at white space. Nothing that is done to text for the index reaches across it, so that the stems
of a text are those of its pieces. Texts share most of their pieces, and few pieces can match a query.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence

from calypso_mcp.local.retrieval.words.tokens import TOKENIZER, index_text
from calypso_mcp.sqlite.connections import KeepingConnection

_SCRATCH = f"""
CREATE VIRTUAL TABLE words USING fts5 (word, content='', tokenize="{TOKENIZER}");
CREATE VIRTUAL TABLE stems USING fts5vocab (words, instance);
"""
#: A mark alone becomes an empty word, which FTS5 reads back as NULL.
_STEMS = "SELECT doc, term FROM stems WHERE term <> ''"
#: Stems remembered (about 10 MB at most).
_REMEMBERED = 40_000
#: Porter's stemmer takes letters off the end of a word, then changes the last of a stem at most.
_CHANGED_LETTERS = 1
#: First letters by which plain words are found again.
_LETTERS = 2
_KEPT = "stems"


class Stems:
    """The stems of pieces of text, each made once."""

    def __init__(self) -> None:
        """Open the tables that make stems."""
        self._scratch = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        self._scratch.executescript(f"BEGIN; {_SCRATCH}")
        self._stemmed: set[str] = set()
        self._plain: set[str] = set()
        self._plain_by_letters: dict[str, list[str]] = {}
        self._pieces: dict[str, list[str]] = {}
        self._count = 0

    def __del__(self) -> None:
        """Close the tables, with the connection that keeps them."""
        self._scratch.close()

    @classmethod
    def kept_by(cls, connection: sqlite3.Connection) -> Stems:
        """Return those that `connection` keeps, or new ones where it keeps nothing."""
        if not isinstance(connection, KeepingConnection):
            return cls()
        kept = connection.kept.get(_KEPT)
        if not isinstance(kept, cls):
            kept = connection.kept[_KEPT] = cls()
        return kept

    def of_words(self, words: Sequence[str]) -> list[list[str]]:
        """Return the stems of each of `words`, which are written as the index takes them."""
        stems: list[list[str]] = [[] for _ in words]
        for number, stem in self._made(words):
            stems[number].append(stem)
        return stems

    def matching(
        self, pieces: set[str], words: set[str], beginnings: tuple[str, ...]
    ) -> dict[str, list[str]]:
        """Return the stems sought by the pieces that have them; others than `pieces` may be among these.

        Args:
            pieces: Of texts, cut at white space.
            words: Stems that are sought.
            beginnings: Stems that begin with one of these are sought, too.
        """
        self._stem(pieces, tuple(stem[:-_CHANGED_LETTERS] for stem in (*words, *beginnings)))
        begun = {stem for stem in self._pieces if stem.startswith(beginnings)} if beginnings else set[str]()
        found: dict[str, list[str]] = {}
        for stem in begun | words:
            for piece in self._pieces.get(stem, ()):
                found.setdefault(piece, []).append(stem)
        return found

    def _stem(self, pieces: set[str], begins: tuple[str, ...]) -> None:
        """Stem the pieces that have not been; plain words only once something that begins alike is sought."""
        if self._count + len(self._plain) > _REMEMBERED:
            for kept in (self._stemmed, self._pieces, self._plain, self._plain_by_letters):
                kept.clear()
            self._count = 0
        new: list[str] = []
        for piece in pieces - self._stemmed - self._plain:
            if _is_plain(piece):
                self._plain.add(piece)
                self._plain_by_letters.setdefault(piece[:_LETTERS].lower(), []).append(piece)
            else:
                new.append(piece)
        for begin in begins:
            new += self._take_plain(begin)
        if not new:
            return
        for number, stem in self._made([index_text(piece) for piece in new]):
            self._pieces.setdefault(stem, []).append(new[number])
            self._count += 1
        self._stemmed.update(new)

    def _take_plain(self, begin: str) -> list[str]:
        """Return the plain words that begin so, which no longer wait to be stemmed."""
        letters = begin[:_LETTERS]
        keys = [letters] if len(begin) >= _LETTERS else [*self._plain_by_letters]
        taken: list[str] = []
        for key in [key for key in keys if key.startswith(letters)]:
            waiting = self._plain_by_letters.get(key, [])
            found = {piece for piece in waiting if piece.lower().startswith(begin)}
            if found:
                self._plain_by_letters[key] = [piece for piece in waiting if piece not in found]
                self._plain -= found
                taken += found
        return taken

    def _made(self, words: Sequence[str]) -> Iterator[tuple[int, str]]:
        self._scratch.execute("INSERT INTO words (words) VALUES ('delete-all')")
        self._scratch.executemany("INSERT INTO words (rowid, word) VALUES (?, ?)", enumerate(words))
        yield from self._scratch.execute(_STEMS)


def _is_plain(piece: str) -> bool:
    """Whether a piece is one word in which no name with variants can hide."""
    return piece.isascii() and piece.isalpha() and (piece.islower() or piece.istitle())
