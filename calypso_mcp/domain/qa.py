"""A question with its answer as one small Markdown file: the same on every backend, and for search."""

from __future__ import annotations

import hashlib
import re

from calypso_mcp.domain.unicode_forms import normalize

_NAME_CHARS = 80
_NOT_IN_NAMES = re.compile(r"[^\w.-]+")


def same_question(question: str) -> str:
    """Return one text for all spellings of a question: case, spaces and closing marks do not count."""
    plain = normalize("NFKC", " ".join(question.split())).casefold()
    return plain.rstrip(" ?!.\u061f\u037e") or plain


def qa_filename(question: str) -> str:
    """Return the name of the file that holds this question: readable, and one for each question."""
    same = same_question(question)
    readable = _NOT_IN_NAMES.sub("-", same)[:_NAME_CHARS].strip("-.")
    return f"qa-{readable or 'question'}-{hashlib.sha256(same.encode()).hexdigest()[:8]}.md"


def read_markdown(text: str) -> tuple[str, str] | None:
    """Return the question and the answer of a file that `as_markdown` made; None for any other."""
    heading, _, answer = text.partition("\n\n")
    question = heading.removeprefix("# ")
    is_pair = heading.startswith("# ") and "\n" not in heading and question.strip() and answer.strip()
    return (question, answer.strip()) if is_pair else None


def as_markdown(question: str, answer: str) -> str:
    """Return the file: the question as the heading of its answer, so that a passage always has both."""
    return f"# {' '.join(question.split())}\n\n{answer.strip()}\n"
