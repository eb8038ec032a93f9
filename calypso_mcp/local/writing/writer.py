"""Writes answers: rewrites a follow-up, has a model answer from passages, keeps sentences they bear out."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from calypso_mcp.domain.untrusted_text import clean_line
from calypso_mcp.local.options import WriterOptions
from calypso_mcp.local.retrieval import sentences
from calypso_mcp.local.writing.endpoint import ChatEndpoint, WritingFailed
from calypso_mcp.local.writing.instructions import withhold
from calypso_mcp.local.writing.prompts import NOT_IN_SOURCES, build_answer_prompt, build_rewriting_prompt
from calypso_mcp.local.writing.statements import Statement, cut_statements
from calypso_mcp.local.writing.support import Evidence, is_supported

_LOG = logging.getLogger(__name__)

_QUESTION_CHARS = 500
_QUESTION_TOKENS = 120
_ANSWER_TOKENS = 800
#: With the wait for the answer it stays within the 45 s of a stream.
_QUESTION_WAIT_S = 8.0
#: Text without a citation is no statement if it is shorter, such as "According to the handbook:".
_FEWEST_WORDS = 4


@dataclass(frozen=True, slots=True)
class Written:
    """A sentence, and the positions (from 0) of the passages that bear it out."""

    text: str
    sources: tuple[int, ...]


@dataclass(slots=True)
class Outcome:
    """How the writing went; complete when it is over.

    It counts sentences that no passage bears out, and says whether the model finds no answer in the passages,
    and why it did not finish (None if it did).
    """

    left_out: int = 0
    says_absent: bool = False
    failure: str | None = None


class Writer:
    """Writes answers with one model."""

    def __init__(self, options: WriterOptions) -> None:
        """Prepare without connecting to anything."""
        self._options = options
        self._endpoint = ChatEndpoint(options)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._endpoint.aclose()

    async def rewrite(self, question: str, before: str) -> str | None:
        """Return a follow-up as a question of its own; None if the model makes none."""
        text = ""
        asking = self._endpoint.write(
            build_rewriting_prompt(question, before), most_tokens=_QUESTION_TOKENS, wait_s=_QUESTION_WAIT_S
        )
        try:
            async with aclosing(asking) as pieces:
                async for piece in pieces:
                    text += piece
        except WritingFailed as error:
            _LOG.warning("The follow-up was not rewritten: %s", error)
            return None
        return clean_line(text.rpartition("</think>")[2], _QUESTION_CHARS) or None

    async def write(
        self, question: str, passages: Sequence[Evidence], instructions: str | None, outcome: Outcome
    ) -> AsyncGenerator[Written]:
        """Yield the sentences that the passages bear out, as the model completes them. Never raises.

        The question is complete in itself; the outcome is filled in meanwhile.
        """
        evidence = [Evidence(withhold(passage.text), withhold(passage.context)) for passage in passages]
        asking = self._endpoint.write(
            build_answer_prompt(question, evidence, instructions),
            most_tokens=_ANSWER_TOKENS,
            wait_s=self._options.wait_s,
        )
        try:
            async with aclosing(asking) as pieces, aclosing(cut_statements(pieces)) as statements:
                async for statement in statements:
                    for written in _check(statement, evidence, question, outcome):
                        yield written
        except WritingFailed as error:
            _LOG.warning("The answer was not completed: %s", error)
            outcome.failure = str(error)


def _check(
    statement: Statement, evidence: Sequence[Evidence], question: str, outcome: Outcome
) -> list[Written]:
    """Return the sentences of a statement that their sources bear out, and count the others."""
    if NOT_IN_SOURCES.casefold() in statement.text.casefold():
        outcome.says_absent = True
        return []
    cited = tuple(number - 1 for number in statement.cited if 1 <= number <= len(evidence))
    supported: list[Written] = []
    for sentence in sentences.split(statement.text):
        if cited and is_supported(sentence, [evidence[position] for position in cited], question):
            supported.append(Written(sentence, cited))
        elif len(sentence.split()) >= _FEWEST_WORDS:
            outcome.left_out += 1
    return supported
