"""How text becomes index tokens, the same way for passages and for queries.

FTS5 folds case, strips diacritics, splits words by Unicode category and stems English. What it cannot
do is done to the text first: scripts written without spaces (and Korean, whose particles are written
onto the word) become overlapping pairs of characters, a character being a letter with its combining
marks; words of some other scripts lose their endings.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from operator import add

from calypso_mcp.local.retrieval import stemming
from calypso_mcp.local.retrieval.stop_words import CHINESE_QUESTION, ENGLISH

#: Combining marks stay inside words, which Hindi needs; private-use characters (Co) make bucket tokens.
TOKENIZER = "porter unicode61 categories 'L* N* Co Mn Mc'"

#: More distinct words than this in one query only cost time.
MAX_QUERY_TERMS = 64
#: Characters of a query that are looked at.
MAX_QUERY_CHARS = 4_000

_CHINESE_AND_JAPANESE = (
    "\u3005-\u3007\u3041-\u3096\u3099\u309a\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
)
#: Runs of these scripts become pairs of characters.
_UNSPACED = (
    _CHINESE_AND_JAPANESE,
    "\u0e01-\u0e3a\u0e40-\u0e4e\u0e50-\u0e59",  # Thai
    "\u0e81-\u0eff",  # Lao
    "\u1780-\u17d3\u17dd-\u17e9",  # Khmer
    "\u1000-\u1049\u1050-\u109f\ua9e0-\ua9ff\uaa60-\uaa7f",  # Burmese
    "\uac00-\ud7a3",  # Korean
)
_CYRILLIC = "\u0400-\u0481\u048a-\u052f"
_ARABIC = "\u0620-\u065f\u066e-\u06d3\u06d5-\u06dc"
_DEVANAGARI = "\u0900-\u0963\u0971-\u097f"
_WIDE_ASCII = "\uff01-\uff5e"
_RESERVED = "\ue000-\uf8ff\U000f0000-\U0010ffff"
#: One character set: searching for it is several times faster than for the alternatives below.
_CANDIDATE = re.compile(f"[{''.join(_UNSPACED)}{_CYRILLIC}{_ARABIC}{_DEVANAGARI}{_WIDE_ASCII}{_RESERVED}]+")
_REWRITTEN = re.compile(
    f"(?P<unspaced>{'|'.join(f'[{script}]+' for script in _UNSPACED)})"
    f"|(?P<cyrillic>[{_CYRILLIC}]{{4,}})"
    f"|(?P<arabic>[{_ARABIC}]{{2,}})"
    f"|(?P<devanagari>[{_DEVANAGARI}]{{3,}})"
    f"|(?P<wide>[{_WIDE_ASCII}]+)"
    f"|(?P<reserved>[{_RESERVED}]+)"
)
#: Marks that belong to the letter before them.
_MARKS = (
    "\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u0eb1\u0eb4-\u0ebc\u0ec8-\u0ece\u102b-\u103e\u1056-\u1059"
    "\u105e-\u1060\u1062-\u1064\u1067-\u106d\u1071-\u1074\u1082-\u108d\u17b4-\u17d3\u17dd\u3099\u309a"
)
_MARK = re.compile(f"[{_MARKS}]")
_CHARACTER = re.compile(f".[{_MARKS}]*")
_STEMMERS = {
    "cyrillic": stemming.cyrillic,
    "arabic": stemming.arabic,
    "devanagari": stemming.devanagari,
}
#: Full-width forms of ASCII stand this far above it.
_WIDE_OFFSET = 0xFEE0
#: Words remembered with what they become, and how long such a word may be: most text is few words.
_REMEMBERED = 20_000
_LONGEST_REMEMBERED = 24
_WORD_CATEGORIES = frozenset({"Lu", "Ll", "Lt", "Lm", "Lo", "Nd", "Nl", "No", "Mn", "Mc"})


def index_text(text: str) -> str:
    """Return `text` as it is handed to FTS5. Nothing in the result looks like a bucket token."""
    if text.isascii():
        return text
    return _CANDIDATE.sub(_rewrite_run, text)


def query_phrases(query: str) -> list[str]:
    """Return the distinct words of `query` as FTS5 strings, at most `MAX_QUERY_TERMS`.

    English stop words and Chinese question words are dropped unless nothing else is left. The strings
    are quoted and hold only letters, digits and marks: safe to join into any FTS5 expression.
    """
    text = unicodedata.normalize("NFC", query[:MAX_QUERY_CHARS])
    telling = [word for word in _words(CHINESE_QUESTION.sub(" ", text)) if word not in ENGLISH]
    phrases = (_phrase(word) for word in telling or _words(text))
    return list(dict.fromkeys(phrases))[:MAX_QUERY_TERMS]


def bucket_token(bucket_id: str) -> str:
    """Return the one index token that stands for a bucket.

    Private-use characters at both ends keep it apart from all words and away from the stemmer.
    """
    return f"\ue000{bucket_id.encode().hex()}\ue001"


def _words(text: str) -> list[str]:
    kept = (char if unicodedata.category(char) in _WORD_CATEGORIES else " " for char in text)
    words: list[str] = []
    for word in "".join(kept).lower().split():
        tokens = index_text(word).split()
        # A run's last character is indexed alone, too, but says less than the pair it is part of.
        words += tokens if len(tokens) == 1 else [token for token in tokens if not _is_lone_character(token)]
    return words


def _phrase(word: str) -> str:
    """Quote a word; a lone character also finds the pairs that begin with it."""
    return f'"{word}"*' if _is_lone_character(word) else f'"{word}"'


def _is_lone_character(token: str) -> bool:
    match = _REWRITTEN.match(token)
    return match is not None and match.lastgroup == "unspaced" and _CHARACTER.fullmatch(token) is not None


def _rewrite_run(match: re.Match[str]) -> str:
    run = match[0]
    return _rewritten_word(run) if len(run) <= _LONGEST_REMEMBERED else _REWRITTEN.sub(_rewrite, run)


@lru_cache(_REMEMBERED)
def _rewritten_word(run: str) -> str:
    return _REWRITTEN.sub(_rewrite, run)


def _rewrite(match: re.Match[str]) -> str:
    kind, run = match.lastgroup or "", match[0]
    if kind in _STEMMERS:
        return _STEMMERS[kind](run)
    if kind == "wide":
        return "".join(chr(ord(char) - _WIDE_OFFSET) for char in run)
    if kind == "reserved":
        return " "
    characters = run if _MARK.search(run) is None else _CHARACTER.findall(run)
    return f" {' '.join(map(add, characters, characters[1:]))} {characters[-1]} "
