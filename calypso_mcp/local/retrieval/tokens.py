"""How text becomes index tokens, the same way for passages and for queries.

FTS5 folds case, strips diacritics, splits words by Unicode category and stems English. What it cannot
do is done to the text first: scripts written without spaces (and Korean, whose particles are written
onto the word) become overlapping pairs of characters, a character being a letter with its combining
marks; words of some other scripts lose their endings.
"""

from __future__ import annotations

import unicodedata
from itertools import pairwise

from calypso_mcp.local.retrieval.stop_words import CHINESE_QUESTION, ENGLISH

#: Combining marks stay inside words, which Hindi needs; private-use characters (Co) make bucket tokens.
TOKENIZER = "porter unicode61 categories 'L* N* Co Mn Mc'"

#: More distinct words than this in one query only cost time.
MAX_QUERY_TERMS = 64
#: Characters of a query that are looked at.
MAX_QUERY_CHARS = 4_000

_ENGLISH_SHARE = 0.2
_WORD_CATEGORIES = frozenset({"Lu", "Ll", "Lt", "Lm", "Lo", "Nd", "Nl", "No", "Mn", "Mc"})


def index_text(text: str) -> str:
    """Return `text` as it is handed to FTS5. Nothing in the result looks like a bucket token."""
    if text.isascii():
        return text
    from calypso_mcp.local.retrieval.rewriting import rewrite  # its patterns take a while to compile

    return rewrite(text)


def query_phrases(query: str) -> list[str]:
    """Return the distinct words of `query` as FTS5 strings, at most `MAX_QUERY_TERMS`.

    English stop words and Chinese question words are dropped unless nothing else is left. The strings
    are quoted and hold only letters, digits and marks: safe to join into any FTS5 expression.
    """
    text = unicodedata.normalize("NFC", query[:MAX_QUERY_CHARS])
    telling = [word for word in _words(CHINESE_QUESTION.sub(" ", text)) if word not in ENGLISH]
    phrases = (_phrase(word) for word in telling or _words(text))
    return list(dict.fromkeys(phrases))[:MAX_QUERY_TERMS]


def is_english(query: str) -> bool:
    """Whether `query` has as many English stop words as English questions have (XQuAD: 99 %, German 6 %)."""
    words = _words(query[:MAX_QUERY_CHARS])
    return sum(word in ENGLISH for word in words) >= _ENGLISH_SHARE * len(words) > 0


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
        words += [token for before, token in pairwise(["", *tokens]) if not _ends_run(before, token)]
    return words


def _ends_run(before: str, token: str) -> bool:
    """Whether `token` only repeats the end of the pair before it, which says more."""
    return before.endswith(token) and _is_lone_character(token)


def _phrase(word: str) -> str:
    """Quote a word; a lone character also finds the pairs that begin with it."""
    return f'"{word}"*' if _is_lone_character(word) else f'"{word}"'


def _is_lone_character(token: str) -> bool:
    if token.isascii():
        return False
    from calypso_mcp.local.retrieval.rewriting import is_lone_character

    return is_lone_character(token)
