"""The stems of words as FTS5 makes them, for texts that are ranked without being indexed again.

A text is cut at white space. Nothing that is done to text for the index reaches across it, so that the stems
of a text are those of its pieces. Texts share most of their pieces, and few pieces can match a query.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from calypso_mcp.local.retrieval.words.tokens import TOKENIZER, index_text
from calypso_mcp.sqlite.connections import KeepingConnection

_SCRATCH = f"""
CREATE VIRTUAL TABLE words USING fts5 (word, content='', tokenize="{TOKENIZER}");
CREATE VIRTUAL TABLE stems USING fts5vocab (words, instance);
"""
#: A mark alone becomes an empty word, which FTS5 reads back as NULL.
_STEMS = "SELECT doc, term FROM stems WHERE term <> ''"
#: Pieces remembered (about 10 MB at most), and texts with theirs (about 3 KB each).
_REMEMBERED = 40_000
_TEXTS = 2_000
#: Porter's stemmer takes letters off the end of a word, then changes the last of a stem at most.
_CHANGED_LETTERS = 1
#: First letters by which words and stems are found again.
_LETTERS = 2
_KEPT = "stems"


@dataclass(frozen=True, slots=True)
class Sought:
    """What a query seeks, and the pieces of texts that have it.

    Attributes:
        stems: Of each phrase. One that ends in `*` seeks every word that begins with them.
        stems_of: The stems sought by the pieces that have them.
    """

    stems: Mapping[str, Sequence[str]]
    stems_of: Mapping[str, Sequence[str]]

    def held_by(self, text: str) -> int:
        """Return a bit for each phrase that `text` holds."""
        held = {stem for piece in text.split() for stem in self.stems_of.get(piece, ())}
        bits = 0
        for number, (phrase, parts) in enumerate(self.stems.items()):
            if phrase.endswith("*"):
                is_held = all(any(stem.startswith(part) for stem in held) for part in parts)
            else:
                is_held = held.issuperset(parts)
            bits |= (bool(parts) and is_held) << number
        return bits


def weigh(bits: int, weights: Sequence[float]) -> float:
    """Return what the phrases weigh whose bits are set."""
    return sum(weight for number, weight in enumerate(weights) if bits >> number & 1)


class Stems:
    """The stems of pieces of text, each made once."""

    def __init__(self) -> None:
        """Open the tables that make stems."""
        self._scratch = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        self._scratch.executescript(f"BEGIN; {_SCRATCH}")
        self._words: dict[str, list[str]] = {}
        self._texts: dict[str, list[str]] = {}
        self._known = _Known()
        self._waiting: list[str] = []
        self._plain_by_letters: dict[str, list[str]] = {}
        self._pieces_by_letters: dict[str, dict[str, list[str]]] = {}

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
        new = [word for word in words if word not in self._words]
        self._words.update((word, []) for word in new)
        for number, stem in self._made(new):
            self._words[new[number]].append(stem)
        return [self._words[word] for word in words]

    def pieces(self, texts: Iterable[str]) -> list[list[str]]:
        """Return the pieces of each of `texts`, which are as they were handed over to be indexed."""
        self._forget_if_full()
        return [self._texts.get(text) or self._take(text) for text in texts]

    def seek(self, phrases: Sequence[str]) -> Sought:
        """Return how `phrases` are found in all texts whose pieces were asked for."""
        stems = dict(zip(phrases, self.of_words(phrases), strict=True))
        words = {stem for phrase, own in stems.items() if not phrase.endswith("*") for stem in own}
        beginnings = {stem for phrase, own in stems.items() if phrase.endswith("*") for stem in own}
        return Sought(stems, self.matching(words, beginnings))

    def _forget_if_full(self) -> None:
        is_full = max(len(self._known), len(self._words)) > _REMEMBERED
        if is_full or len(self._texts) > _TEXTS:
            self._texts.clear()
        if is_full:
            for kept in (self._words, self._known, self._known.new, self._waiting):
                kept.clear()
            self._plain_by_letters.clear()
            self._pieces_by_letters.clear()

    def _take(self, text: str) -> list[str]:
        """Return the pieces of a text, which are stemmed when they are needed."""
        pieces = self._texts[text] = list(map(self._known.__getitem__, text.split()))
        return pieces

    def matching(self, words: Collection[str], beginnings: Collection[str]) -> dict[str, list[str]]:
        """Return the stems sought by the pieces taken so far that have them."""
        for piece in self._known.new:
            if _is_plain(piece):
                self._plain_by_letters.setdefault(piece[:_LETTERS].lower(), []).append(piece)
            else:
                self._waiting.append(piece)
        self._known.new.clear()
        for begin in (*words, *beginnings):
            self._waiting += self._take_plain(begin[:-_CHANGED_LETTERS])
        for number, stem in self._made([index_text(piece) for piece in self._waiting]):
            alike = self._pieces_by_letters.setdefault(stem[:_LETTERS], {})
            alike.setdefault(stem, []).append(self._waiting[number])
        self._waiting.clear()
        found: dict[str, list[str]] = {}
        begun = (stem for begin in beginnings for stem in self._begun(begin))
        for stem in {*words, *begun}:
            for piece in self._pieces_by_letters.get(stem[:_LETTERS], {}).get(stem, ()):
                found.setdefault(piece, []).append(stem)
        return found

    def _begun(self, begin: str) -> Iterator[str]:
        for key in _keys(self._pieces_by_letters, begin):
            yield from (stem for stem in self._pieces_by_letters[key] if stem.startswith(begin))

    def _take_plain(self, begin: str) -> list[str]:
        """Return the plain words that begin so, which no longer wait to be stemmed."""
        taken: list[str] = []
        for key in _keys(self._plain_by_letters, begin):
            waiting = self._plain_by_letters[key]
            found = {piece for piece in waiting if piece.lower().startswith(begin)}
            if found:
                self._plain_by_letters[key] = [piece for piece in waiting if piece not in found]
                taken += found
        return taken

    def _made(self, words: Sequence[str]) -> Iterator[tuple[int, str]]:
        if not words:
            return
        self._scratch.execute("INSERT INTO words (words) VALUES ('delete-all')")
        self._scratch.executemany("INSERT INTO words (rowid, word) VALUES (?, ?)", enumerate(words))
        yield from self._scratch.execute(_STEMS)


class _Known(dict[str, str]):
    """Every piece once, so that texts share it.

    Attributes:
        new: Those added since this was last emptied.
    """

    def __init__(self) -> None:
        super().__init__()
        self.new: list[str] = []

    def __missing__(self, piece: str) -> str:
        self[piece] = piece
        self.new.append(piece)
        return piece


def _is_plain(piece: str) -> bool:
    """Whether a piece is one word in which no name with variants can hide."""
    return piece.isascii() and piece.isalpha() and (piece.islower() or piece.istitle())


def _keys(by_letters: Mapping[str, object], begin: str) -> list[str]:
    """Return the keys of words that begin so."""
    letters = begin[:_LETTERS]
    if len(letters) == _LETTERS:
        return [letters] if letters in by_letters else []
    return [key for key in by_letters if key.startswith(letters)]
