"""How text becomes index tokens, the same way for passages and for queries.

FTS5 splits words by Unicode category. Scripts written without spaces would become one token per
sentence there, so their runs are rewritten as overlapping character pairs first.
"""

from __future__ import annotations

import re
import unicodedata

from calypso_mcp.local.retrieval.stop_words import ENGLISH

#: FTS5 tokenizer: combining marks stay inside words, which Hindi and Thai need; private-use
#: characters (Co) are kept for bucket tokens.
TOKENIZER = "porter unicode61 categories 'L* N* Co Mn Mc'"

#: More distinct words than this in one query only cost time.
MAX_QUERY_TERMS = 64
#: Characters of a query that are looked at.
MAX_QUERY_CHARS = 4_000

_HAN_KANA = (
    "\u3005-\u3007\u3041-\u3096\u309d-\u309f\u30a1-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
)
_UNSPACED_RUN = re.compile(
    f"[{_HAN_KANA}]+"
    "|[\u0e01-\u0e3a\u0e40-\u0e4e\u0e50-\u0e59]+"  # Thai
    "|[\u0e81-\u0eff]+"  # Lao
    "|[\u1780-\u17d3\u17dd-\u17e9]+"  # Khmer
    "|[\u1000-\u1049\u1050-\u109f\ua9e0-\ua9ff\uaa60-\uaa7f]+"  # Burmese
    "|[\ue000-\uf8ff\U000f0000-\U0010ffff]+"  # private use: reserved for bucket tokens
)
_WORD_CATEGORIES = frozenset({"Lu", "Ll", "Lt", "Lm", "Lo", "Nd", "Nl", "No", "Mn", "Mc"})
_PRIVATE_USE = "Co"


def index_text(text: str) -> str:
    """Return `text` as it is handed to FTS5."""
    if text.isascii():
        return text
    return _UNSPACED_RUN.sub(_spaced_pairs, text)


def query_terms(query: str) -> list[str]:
    """Return the distinct words of `query` to look for, at most `MAX_QUERY_TERMS`.

    English stop words are dropped unless nothing else is left. Every term consists of letters,
    digits and combining marks only, so it can stand in FTS5 query syntax between double quotes.
    """
    words = "".join(char if _is_word_character(char) else " " for char in query[:MAX_QUERY_CHARS])
    distinct = list(dict.fromkeys(index_text(words).lower().split()))
    telling = [word for word in distinct if word not in ENGLISH]
    return (telling or distinct)[:MAX_QUERY_TERMS]


def bucket_token(bucket_id: str) -> str:
    """Return the one index token that stands for a bucket.

    Private-use characters at both ends keep it apart from all words and away from the stemmer.
    """
    return f"\ue000{bucket_id.encode().hex()}\ue001"


def _is_word_character(char: str) -> bool:
    return unicodedata.category(char) in _WORD_CATEGORIES


def _spaced_pairs(match: re.Match[str]) -> str:
    run = match[0]
    if unicodedata.category(run[0]) == _PRIVATE_USE:
        return " "
    pairs = [run[i : i + 2] for i in range(len(run) - 1)] or [run]
    return f" {' '.join(pairs)} "
