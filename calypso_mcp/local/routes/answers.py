"""`POST /responses`: grounded answers (API sheet section 9.2), quoted or, with a language model, written."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from starlette.requests import Request

from calypso_mcp.api import answers as wire
from calypso_mcp.api.answers import AnswerRequest
from calypso_mcp.domain.qa import same_question
from calypso_mcp.local.backend import Backend
from calypso_mcp.local.http.exchange import Answer, Events
from calypso_mcp.local.identifiers import new_id
from calypso_mcp.local.refusals import invalid
from calypso_mcp.local.retrieval import extractive, search as retrieval
from calypso_mcp.local.retrieval.extractive import Question, Said, Source
from calypso_mcp.local.retrieval.naming import Named
from calypso_mcp.local.retrieval.search import Closeness
from calypso_mcp.local.routes.answer_shape import Cited, Turn
from calypso_mcp.local.store import agents, answers, files
from calypso_mcp.local.store.agents import AgentScope
from calypso_mcp.local.store.answers import TurnRow
from calypso_mcp.sqlite.faults import STORE_TROUBLE, StoreReadOnly, is_full

if TYPE_CHECKING:
    from calypso_mcp.local.writing.writer import Outcome, Writer

#: Passages that a language model is shown; quotations are taken from the first few of them.
_PASSAGES = 6
_LONGEST_QUESTION = 8_000
_LONGEST_ID = 200
_QUOTED = "Extractive answer: sentences quoted from the stored sources, without a language model."
_READ_TOGETHER = " It takes the previous question into account."
_UNSUPPORTED = " A language model answered, but no passage supports its answer."
_SAID_ABSENT = "The language model read the best passages and found no answer to the question in them."
_LEFT_OUT = "\n\n(Sentences left out because their sources do not support them: {count}.)"
_NOT_FOUND = "Extractive answer: no stored passage that this agent can search answers the question."


@dataclass(frozen=True, slots=True)
class _Found:
    """What was asked, of whom, and the passages that may answer, best first."""

    agent: AgentScope
    question: Question
    passages: Sequence[Cited]
    quotations: Sequence[Said]

    def cite(self, said: Sequence[Said]) -> tuple[list[Cited], list[Said]]:
        """Return the passages that sentences rest on, in their order, and the sentences resting on those."""
        order = list(dict.fromkeys(position for entry in said for position in entry.sources))
        cited = [self.passages[position] for position in order]
        return cited, [Said(entry.text, tuple(map(order.index, entry.sources))) for entry in said]


async def answer(backend: Backend, _: Request, body: AnswerRequest) -> Answer | Events:
    """Answer a question from the buckets of an agent."""
    _check(body)

    def begin(connection: sqlite3.Connection) -> tuple[AgentScope, TurnRow | None]:
        asked = agents.find_scope(connection, body.model)
        if body.buckets is not None:
            allowed = frozenset(body.buckets)
            asked = replace(asked, buckets=tuple(entry for entry in asked.buckets if entry.id in allowed))
        return asked, _find_previous_turn(connection, body, asked.model, backend.now())

    agent, before = await backend.database.read(begin)
    question = await _complete_question(backend, body, before)
    closeness = await backend.closeness_for(question.text)
    found = await backend.database.read(
        lambda connection: _find_passages(connection, agent, question, closeness)
    )
    row = TurnRow(
        id=new_id("resp"),
        conversation_id=before.conversation_id if before else body.conversation_id or new_id("conv"),
        model=agent.model,
        sought=question.sought,
        created_at=backend.now(),
    )
    if body.store:
        try:
            await backend.database.write(lambda connection: answers.insert(connection, row), durable=False)
        except STORE_TROUBLE as error:
            # A disk that is full or read-only costs the memory of the conversation, but not the answer.
            if not is_full(error) and not isinstance(error, StoreReadOnly):
                raise
    events = _stream(backend.writer, Turn(row, wire.ABSTAINED, [_NOT_FOUND]), found)
    if body.stream:
        return Events(events)
    last = [event async for event in events][-1]
    return Answer(last["response"])


async def _stream(writer: Writer | None, turn: Turn, found: _Found) -> AsyncGenerator[Mapping[str, Any]]:
    """Yield the events of the answer in their order, those of its text as it is written."""
    yield turn.first_event()
    if writer is None or not found.passages:
        final, unsaid = _quote(turn, found), 0
    else:
        from calypso_mcp.local.writing.support import Evidence
        from calypso_mcp.local.writing.writer import Outcome

        shown = [
            Evidence(cited.passage.text, cited.context, is_close=cited.passage.closeness >= retrieval.CLOSE)
            for cited in found.passages
        ]
        instructions = found.agent.agent.instructions if found.agent.agent else None
        outcome = Outcome()
        written: list[Said] = []
        lines: list[str] = []
        async with aclosing(writer.write(found.question.text, shown, instructions, outcome)) as sentences:
            async for sentence in sentences:
                written.append(sentence)
                _, said = found.cite(written)
                numbers = "".join(f"[{number + 1}]" for number in said[-1].sources)
                lines.append(f"{' ' if lines else ''}{sentence.text} {numbers}")
                yield {"type": wire.TEXT_DELTA, "delta": lines[-1]}
        unsaid = len(lines)
        if written:
            cited, said = found.cite(written)
            lines += _remarks(outcome)
            final = replace(turn, kind=wire.GENERATED, lines=lines, said=said, cited=cited)
        elif outcome.says_absent:
            final = replace(turn, lines=[_SAID_ABSENT])
        else:
            final = _quote(turn, found, outcome)
    for line in final.lines[unsaid:]:
        yield {"type": wire.TEXT_DELTA, "delta": line}
    for event in final.last_events():
        yield event


def _remarks(outcome: Outcome) -> Iterator[str]:
    """Yield what a reader should know of a written answer."""
    if outcome.left_out:
        yield _LEFT_OUT.format(count=outcome.left_out)
    if outcome.failure:
        yield f"\n\n(Not complete: {outcome.failure})"


def _quote(turn: Turn, found: _Found, outcome: Outcome | None = None) -> Turn:
    """Return the turn answered by quotations: what it is, then each with the number of its source.

    `outcome` tells how writing went before that; None if nothing was to be written.
    """
    reason = ""
    if outcome is not None:
        reason = f" {outcome.failure}" if outcome.failure else _UNSUPPORTED
    if not found.quotations:
        return replace(turn, lines=[_NOT_FOUND + reason])
    together = _READ_TOGETHER if found.question.before else ""
    cited, said = found.cite(found.quotations)
    return replace(
        turn,
        kind=wire.EXTRACTIVE,
        lines=[
            f"{_QUOTED}{together}{reason}\n",
            *(f"\n\u201c{entry.text}\u201d [{entry.sources[0] + 1}]" for entry in said),
        ],
        said=said,
        cited=[
            passage.cut_to([entry.text for entry in said if entry.sources == (number,)])
            for number, passage in enumerate(cited)
        ],
    )


def _check(body: AnswerRequest) -> None:
    if not body.question.strip():
        raise invalid("input must not be empty.")
    if len(body.question) > _LONGEST_QUESTION:
        raise invalid(f"input has at most {_LONGEST_QUESTION} characters.")
    if len(body.conversation_id or "") > _LONGEST_ID:
        raise invalid(f"A conversation id has at most {_LONGEST_ID} characters.")


def _find_previous_turn(
    connection: sqlite3.Connection, body: AnswerRequest, model: str, now: float
) -> TurnRow | None:
    """Return the turn that this one follows, None for a first one.

    Raises:
        Refusal: There is no such turn with this agent (400).
    """
    turn = None
    if body.previous_response_id:
        turn = answers.get(connection, body.previous_response_id)
    elif body.conversation_id:
        turn = answers.get_latest(connection, body.conversation_id)
    if turn and turn.model == model and turn.created_at >= now - answers.LIFETIME_S:
        return turn
    if body.previous_response_id:
        raise invalid("There is no previous response with this id.", code=wire.PREVIOUS_NOT_FOUND)
    return None


async def _complete_question(backend: Backend, body: AnswerRequest, before: TurnRow | None) -> Question:
    """Return the question, a follow-up as one of its own where a model can make it so."""
    if before is not None and backend.writer is not None:
        complete = await backend.writer.rewrite(body.question, before.sought)
        if complete is not None:
            return Question(complete)
    return Question.following(body.question, before.sought if before else "")


def _find_passages(
    connection: sqlite3.Connection, agent: AgentScope, question: Question, closeness: Closeness | None
) -> _Found:
    """Return the passages that may answer, and what would be quoted from them."""
    buckets = [bucket.id for bucket in agent.buckets]
    found = retrieval.search(connection, question.sought, buckets, limit=_PASSAGES, closeness=closeness)
    if not found:
        return _Found(agent, question, (), ())
    phrases = question.phrases()
    total, counts = retrieval.frequencies(connection, phrases, buckets)
    known = files.get_all(connection, [passage.file_id for passage in found])
    asked = same_question(question.text)
    passages = sorted(
        (Cited(passage, known[passage.file_id]) for passage in found),
        key=lambda entry: not entry.answers(asked),
    )
    named = Named.by(question.text)
    if not retrieval.are_known(connection, named.required, buckets):
        return _Found(agent, question, passages, ())
    sources = [
        Source(
            entry.context,
            entry.passage.text,
            found[0].score if entry.answers(asked) else entry.passage.score,
            is_reply=entry.file.kind == "qa",
            sections=entry.passage.sections,
        )
        for entry in passages
    ]
    words = dict(zip(phrases, question.weights(total, counts), strict=True))
    quotations = extractive.quotations(
        words, sources, question.least_share, of_price=question.asks_price, named=named
    )
    return _Found(agent, question, passages, quotations)
