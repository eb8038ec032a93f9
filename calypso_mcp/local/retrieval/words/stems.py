"""The stems of words as FTS5 makes them, for texts that are ranked without being indexed again.

A text is cut at white space. Nothing that is done to text for the index reaches across it, so that the stems
of a text are those of its pieces. Texts share most of their pieces.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

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
#: First letters by which stems are found again.
_LETTERS = 2
_KEPT = "stems"


@dataclass(frozen=True, slots=True)
class Sought:
    """What a query seeks, and the pieces of texts that have it.

    Attributes:
        stems: Of each phrase. One that ends in `*` seeks every word that begins with them.
        stems_of: The stems sought by the pieces that have them.
        weights: What each phrase tells.
    """

    stems: Mapping[str, Sequence[str]]
    stems_of: Mapping[str, Sequence[str]]
    weights: Sequence[float]

    @property
    def whole(self) -> float:
        """What all phrases weigh."""
        return sum(self.weights)

    def weigh(self, bits: int) -> float:
        """Return what the phrases weigh whose bits are set."""
        return sum(weight for number, weight in enumerate(self.weights) if bits >> number & 1)

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


class Stems:
    """The stems of pieces of text, each made once."""

    def __init__(self) -> None:
        """Open the tables that make stems."""
        self._scratch = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        self._scratch.executescript(f"BEGIN; {_SCRATCH}")
        self._words: dict[str, list[str]] = {}
        self._texts: dict[str, list[str]] = {}
        #: Every piece once, so that texts share it.
        self._known: dict[str, str] = {}
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
        known = len(self._known)
        share = self._known.setdefault
        taken = [
            self._texts.get(text)
            or self._texts.setdefault(text, [share(piece, piece) for piece in text.split()])
            for text in texts
        ]
        new = list(islice(self._known, known, None))
        for number, stem in self._made(index_text("\n".join(new)).split("\n") if new else ()):
            alike = self._pieces_by_letters.setdefault(stem[:_LETTERS], {})
            alike.setdefault(stem, []).append(new[number])
        return taken

    def seek(self, weights: Mapping[str, float]) -> Sought:
        """Return how phrases of these weights are found in all texts whose pieces were asked for."""
        stems = dict(zip(weights, self.of_words(list(weights)), strict=True))
        words = {stem for phrase, own in stems.items() if not phrase.endswith("*") for stem in own}
        beginnings = {stem for phrase, own in stems.items() if phrase.endswith("*") for stem in own}
        return Sought(stems, self.matching(words, beginnings), list(weights.values()))

    def _forget_if_full(self) -> None:
        is_full = max(len(self._known), len(self._words)) > _REMEMBERED
        if is_full or len(self._texts) > _TEXTS:
            self._texts.clear()
        if is_full:
            self._words.clear()
            self._known.clear()
            self._pieces_by_letters.clear()

    def matching(self, words: Collection[str], beginnings: Collection[str]) -> dict[str, list[str]]:
        """Return the stems sought by the pieces taken so far that have them."""
        begun = (stem for begin in beginnings for stem in self._begun(begin))
        found: dict[str, list[str]] = {}
        for stem in {*words, *begun}:
            for piece in self._pieces_by_letters.get(stem[:_LETTERS], {}).get(stem, ()):
                found.setdefault(piece, []).append(stem)
        return found

    def _begun(self, begin: str) -> Iterator[str]:
        letters = begin[:_LETTERS]
        for key in [letters] if len(letters) == _LETTERS else list(self._pieces_by_letters):
            yield from (stem for stem in self._pieces_by_letters.get(key, ()) if stem.startswith(begin))

    def _made(self, words: Sequence[str]) -> Iterator[tuple[int, str]]:
        if not words:
            return
        self._scratch.execute("INSERT INTO words (words) VALUES ('delete-all')")
        self._scratch.executemany("INSERT INTO words (rowid, word) VALUES (?, ?)", enumerate(words))
        yield from self._scratch.execute(_STEMS)
