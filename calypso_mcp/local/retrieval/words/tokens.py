"""How text becomes index tokens, the same way for passages and for queries.

FTS5 folds case, strips diacritics, splits words by Unicode category and stems English. What it cannot
do is done to the text first: letters get one spelling, names get their variants, scripts written without
spaces (and Korean, whose particles are written onto the word) become overlapping pairs of characters, a
character being a letter with its combining marks; words of some other scripts lose their endings.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

from calypso_mcp.domain.unicode_forms import normalize
from calypso_mcp.local.retrieval.words.identifiers import expand
from calypso_mcp.local.retrieval.words.stop_words import (
    ENGLISH,
    FUNCTION_WORDS,
    QUESTION_PHRASES,
    STOP_WORDS,
    UNREMARKABLE,
    UNREMARKABLE_PARTS,
)

#: Combining marks stay inside words, which Hindi needs; private-use characters (Co) make bucket tokens.
TOKENIZER = "porter unicode61 categories 'L* N* Co Mn Mc'"

#: Distinct words of a query; more find nothing more (paragraphs sought by another one of their article:
#: 128 words +.005 to .018 nDCG over 64, 200 none).
MAX_QUERY_TERMS = 128
#: Characters of a query that are looked at.
MAX_QUERY_CHARS = 4_000

#: Queries and words of them remembered: one search asks for the phrases of its query several times.
_REMEMBERED = 500
_ENGLISH_SHARE = 0.2
_JUDGED_CHARS = 1_000
#: Quotations and numbers of several parts that a query may have.
_MOST_TOGETHER = 8
_QUOTED = re.compile(
    '"[^"]+"|\u201c[^\u201c\u201d]+\u201d|\u201e[^\u201c-\u201e]+[\u201c\u201d]|\u00ab[^\u00ab\u00bb]+\u00bb|\u300c[^\u300c\u300d]+\u300d'
)
_JOINED = re.compile(r"(?<![^\W_])[^\W_]++(?:[-.:/~+&][^\W_]++)+")
_LETTERS = re.compile(r"[^\W_]+")
#: The word after one that stands before nouns, in English only.
_DETERMINED = re.compile(r"\b(?:the|which|our|my|your|their|this|each)\s([^\W_]++)", re.IGNORECASE)
#: Letters of scripts whose words have been stemmed already, or are pairs of characters.
_STEMMED = re.compile(
    "[\u0400-\u052f\u0600-\u06ff\u0900-\u097f\u0e00-\u109f\u1780-\u17ff\u3000-\u9fff\uac00-\ud7a3]"
)
#: Letters of a word that its other forms begin with, too (XQuAD: German, Turkish, Greek +.02 to .04 nDCG).
BEGINNING = 5
_JOINTS = re.compile("[-'\u2019]")
_PUNCTUATION = "!?,;:()[]{}\"'\u2018\u2019\u201c\u201d\u00ab\u00bb\u3002\uff1f\u061f"
_WORD_CATEGORIES = frozenset({"Lu", "Ll", "Lt", "Lm", "Lo", "Nd", "Nl", "No", "Mn", "Mc"})


def index_text(text: str) -> str:
    """Return `text` as it is handed to FTS5. Nothing in the result looks like a bucket token."""
    spelled = _spelled(text)
    return spelled if spelled.isascii() else _rewritten(spelled)


def plain_words(text: str) -> set[str]:
    """Return the words of `text` in small letters; without endings where the index has them so."""
    return set(_LETTERS.findall((index_text(text) if is_stemmed(text) else text).lower()))


def query_phrases(query: str) -> list[str]:
    """Return the distinct words of `query` as FTS5 strings, at most `MAX_QUERY_TERMS`.

    Stop words are dropped unless nothing else is left. The strings are quoted and hold only letters, digits
    and marks: safe to join into any FTS5 expression.
    """
    return list(_phrases(query[:MAX_QUERY_CHARS]))


@lru_cache(_REMEMBERED)
def _phrases(query: str) -> Sequence[str]:
    return tuple(dict.fromkeys(_phrase(word) for word in _query_words(query)))[:MAX_QUERY_TERMS]


def kept_together(query: str) -> list[str]:
    """Return what stands together in `query`, as FTS5 phrases of several words.

    These are quotations, and what is cut at signs: numbers (versions, dates, addresses) and names ("R&D").
    """
    query = _folded(query[:MAX_QUERY_CHARS])
    cut = (name for name in _JOINED.findall(query) if "&" in name or any(map(str.isdigit, name)))
    together = (*(_words(_spelled(quoted)) for quoted in _QUOTED.findall(query)), *map(_words, cut))
    phrases = (_indexed(words) for words in together)
    whole = (f'"{" ".join(words)}"' for words in phrases if len(words) > 1)
    return list(dict.fromkeys(whole))[:_MOST_TOGETHER]


def beginnings(query: str, *, most_dropped: int | None = None) -> list[str]:
    """Return how the longer words of `query` begin, as FTS5 strings, for languages without a stemmer.

    Args:
        query: Whatever somebody wrote.
        most_dropped: Letters that a word loses at most; None leaves each the same few.
    """
    # The stemmer takes "ing" off: nothing in the index begins with "parki".
    words = (
        word
        for word in _query_words(query)
        if len(word.removesuffix("ing")) >= BEGINNING and word.isalpha() and not _STEMMED.search(word)
    )
    kept = (
        (word, BEGINNING if most_dropped is None else max(BEGINNING, len(word) - most_dropped))
        for word in words
    )
    return list(dict.fromkeys(f'"{_cut(word, letters)}"*' for word, letters in kept))[:MAX_QUERY_TERMS]


def _cut(word: str, letters: int) -> str:
    """Return the first letters of a word, one more where the last would be a y, which the stemmer changes."""
    return word[: letters + (word[letters - 1] == "y")]


def beginning(phrase: str) -> str:
    """Return how the word of a phrase begins, as an FTS5 string; the phrase itself of a short word."""
    return next(iter(beginnings(phrase)), phrase)


def is_stemmed(text: str) -> bool:
    """Whether `text` has words that the index holds without their endings, or as pairs of characters."""
    return _STEMMED.search(text) is not None


@lru_cache(_REMEMBERED)
def written_words(query: str) -> Sequence[tuple[str, list[str]]]:
    """Return the words of `query` as they are written, each with its phrases, where it has any."""
    words = (word.strip(_PUNCTUATION) for word in query[:MAX_QUERY_CHARS].split())
    phrases = set(query_phrases(query))
    return [
        (word, own)
        for word in list(dict.fromkeys(words))[:MAX_QUERY_TERMS]
        if (own := [phrase for phrase in query_phrases(word) if phrase in phrases])
    ]


def content_words(query: str) -> list[tuple[str, list[str]]]:
    """Return the content words of `query`, as written, each with its phrases.

    Of joined words ("l'étage", "est-il") only the parts that are content words count.
    """
    found: list[tuple[str, list[str]]] = []
    for word, phrases in written_words(query):
        parts = _JOINTS.split(word.casefold())
        ignored = UNREMARKABLE_PARTS if len(parts) > 1 else UNREMARKABLE
        kept = [part for part in parts if part not in ignored]
        if len(kept) == len(parts) or _is_name(word, query):
            found.append((word, phrases))
        elif kept:
            found.append((word, query_phrases(" ".join(kept))))
    return found


def content_phrases(query: str) -> list[str]:
    """Return the distinct phrases of the content words of `query`; of all its words if it has none."""
    phrases = dict.fromkeys(phrase for _, own in content_words(query) for phrase in own)
    return list(phrases) or query_phrases(query)


def named_phrases(query: str) -> set[str]:
    """Return the phrases of names in `query` that are spelled like words that only join others."""
    return {phrase for word, own in written_words(query) if _is_name(word, query) for phrase in own}


def is_english(text: str) -> bool:
    """Whether `text` has as many English stop words as English has (XQuAD questions: 99 %, German 6 %)."""
    words = _LETTERS.findall(text[:_JUDGED_CHARS].lower())
    return sum(word in ENGLISH for word in words) >= _ENGLISH_SHARE * len(words) > 0


def bucket_token(bucket_id: str) -> str:
    """Return the one index token that stands for a bucket.

    Private-use characters at both ends keep it apart from all words and away from the stemmer.
    """
    return f"\ue000{bucket_id.encode().hex()}\ue001"


@lru_cache(_REMEMBERED)
def _query_words(query: str) -> Sequence[str]:
    text = _spelled(normalize("NFC", query[:MAX_QUERY_CHARS]))
    content = [word for word in _words(QUESTION_PHRASES.sub(" ", text)) if word not in STOP_WORDS]
    return _indexed(content) or _indexed(_words(text))


def _is_name(word: str, query: str) -> bool:
    """Whether a word that joins others in some language names something in this query.

    AI, OS and the E of "vitamin E" do, and what follows an English article ("the van", "which os").
    """
    if word.casefold() not in FUNCTION_WORDS:
        return False
    is_capital = word.isupper() and not query.isupper() and (len(word) > 1 or not query.startswith(word))
    return is_capital or word in _DETERMINED.findall(query)


def _spelled(text: str) -> str:
    """Return `text` with one spelling for each letter and with the variants of names."""
    return expand(_folded(text))


def _folded(text: str) -> str:
    if text.isascii():
        return text
    from calypso_mcp.local.retrieval.words.folding import fold  # its patterns take a while to compile

    return fold(text)


def _rewritten(text: str) -> str:
    from calypso_mcp.local.retrieval.words.rewriting import rewrite  # its patterns take a while to compile

    return rewrite(text)


def _words(spelled: str) -> list[str]:
    kept = (char if unicodedata.category(char) in _WORD_CATEGORIES else " " for char in spelled)
    return "".join(kept).lower().split()


def _indexed(words: Sequence[str]) -> list[str]:
    """Return what the index keeps of each of `words`."""
    indexed: list[str] = []
    for word in words:
        tokens = [word] if word.isascii() else _rewritten(word).split()
        indexed += [token for before, token in pairwise(["", *tokens]) if not _ends_run(before, token)]
    return indexed


def _ends_run(before: str, token: str) -> bool:
    """Whether `token` only repeats the end of the pair before it, which says more."""
    return before.endswith(token) and _is_lone_character(token)


def _phrase(word: str) -> str:
    """Quote a word; a lone character also finds the pairs that begin with it."""
    return f'"{word}"*' if _is_lone_character(word) else f'"{word}"'


def _is_lone_character(token: str) -> bool:
    if token.isascii():
        return False
    from calypso_mcp.local.retrieval.words.rewriting import is_lone_character

    return is_lone_character(token)
