"""`POST /responses`: grounded answers (API sheet section 9.2), here quoted and not written."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from starlette.requests import Request
from typing_extensions import TypedDict

from calypso_mcp.api import answers as wire
from calypso_mcp.api import paths
from calypso_mcp.api.answers import AnswerRequest
from calypso_mcp.local import agent_models
from calypso_mcp.local.backend import Backend
from calypso_mcp.local.exchange import Answer, Events
from calypso_mcp.local.identifiers import new_id
from calypso_mcp.local.operations import EVENT_STREAM, Operation
from calypso_mcp.local.refusals import invalid
from calypso_mcp.local.retrieval import extractive
from calypso_mcp.local.retrieval import search as retrieval
from calypso_mcp.local.retrieval.extractive import Question, Quotation, Source
from calypso_mcp.local.retrieval.index import Passage
from calypso_mcp.local.retrieval.search import Reorder, SearchTimedOut, Where
from calypso_mcp.local.routes.search import attributes_of, search_timed_out, url_of
from calypso_mcp.local.store import answers, files
from calypso_mcp.local.store.answers import TurnRow
from calypso_mcp.local.store.files import FileRow

_LONGEST_QUESTION = 8_000
_LONGEST_ID = 200
_USAGE = {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}
_QUOTED = "Extractive answer: sentences quoted from the stored sources; no language model wrote it."
_READ_TOGETHER = " Read together with the question before."
_NOT_FOUND = "Extractive answer: no stored passage that this agent can search answers the question."


class AnswerBody(TypedDict):
    """A grounded answer, in the shape of a response of OpenAI.

    `metadata._aicore` holds `display_text`, `answer_kind` (`extractive` or `abstained`), `grounded_sources`
    and `grounding_supports`.
    """

    id: str
    object: Literal["response"]
    created_at: int
    status: Literal["completed"]
    model: str
    output: list[dict[str, Any]]
    output_text: str
    conversation: dict[str, str]
    usage: dict[str, int]
    metadata: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Cited:
    """A passage that is quoted from, and its file."""

    passage: Passage
    file: FileRow

    def as_source(self, number: int) -> dict[str, Any]:
        return {
            "index": number,
            "label": self.file.declaration.title or self.file.declaration.filename,
            "file_name": self.file.declaration.filename,
            "knowledge_id": self.file.id,
            "snippet": self.passage.text,
            "url": url_of(self.file),
            "attributes": attributes_of(self.passage, self.file),
        }


@dataclass(frozen=True, slots=True)
class _Turn:
    """One answered question."""

    id: str
    conversation_id: str
    model: str
    created_at: float
    question: Question
    quotations: Sequence[Quotation]
    cited: Sequence[_Cited]

    @property
    def lines(self) -> list[str]:
        """The answer's text: what it is, then each quotation with the number of its source."""
        if not self.quotations:
            return [_NOT_FOUND]
        label = _QUOTED + (_READ_TOGETHER if self.question.before else "")
        return [
            f"{label}\n",
            *(f"\n\u201c{quotation.text}\u201d [{quotation.source + 1}]" for quotation in self.quotations),
        ]

    def as_response(self) -> AnswerBody:
        """Return the answer as the API writes it."""
        text = "".join(self.lines)
        part = {"type": "output_text", "text": text, "annotations": self.annotations}
        message = {
            "id": f"msg_{self.id.partition('_')[2]}",
            "type": "message",
            "role": "assistant",
            "status": "completed",
            "content": [part],
        }
        return {
            "id": self.id,
            "object": "response",
            "created_at": int(self.created_at),
            "status": "completed",
            "model": self.model,
            "output": [message],
            "output_text": text,
            "conversation": {"id": self.conversation_id},
            "usage": _USAGE,
            "metadata": {"_aicore": self._grounding(text)},
        }

    @property
    def annotations(self) -> list[dict[str, Any]]:
        return [
            {
                "type": "file_citation",
                "index": number,
                "file_id": cited.file.id,
                "filename": cited.file.declaration.filename,
            }
            for number, cited in enumerate(self.cited, start=1)
        ]

    def _grounding(self, text: str) -> dict[str, Any]:
        return {
            "display_text": text,
            "answer_kind": wire.EXTRACTIVE if self.quotations else wire.ABSTAINED,
            "grounded_sources": [cited.as_source(number) for number, cited in enumerate(self.cited, start=1)],
            "grounding_supports": [
                {"support_index": position, "chunks": [quotation.source], "text": quotation.text}
                for position, quotation in enumerate(self.quotations)
            ],
        }

    def as_events(self) -> Iterator[Mapping[str, Any]]:
        """Yield the events of the answer in their order."""
        response = self.as_response()
        begun = {
            name: value
            for name, value in response.items()
            if name in {"id", "object", "created_at", "model", "conversation"}
        }
        yield {"type": wire.CREATED, "response": {**begun, "status": "in_progress"}}
        for line in self.lines:
            yield {"type": wire.TEXT_DELTA, "delta": line}
        for number, annotation in enumerate(self.annotations):
            yield {"type": wire.ANNOTATION_ADDED, "annotation_index": number, "annotation": annotation}
        yield {"type": wire.TEXT_DONE, "text": response["output_text"]}
        yield {"type": wire.ITEM_DONE, "output_index": 0, "item": response["output"][0]}
        yield {"type": wire.COMPLETED, "response": response}


async def answer(backend: Backend, _: Request, body: AnswerRequest) -> Answer | Events:
    """Answer a question from the buckets of an agent."""
    _check(body)
    reorder = await backend.reorder_for(body.question)

    def work(connection: sqlite3.Connection) -> _Turn:
        agent = agent_models.find(connection, body.model)
        before = _before(connection, body, agent.model, backend)
        question = Question.following(body.question, before.sought if before else "")
        buckets = [bucket.id for bucket in agent.buckets]
        quotations, cited = _quoted(connection, question, buckets, reorder)
        return _Turn(
            id=new_id("resp"),
            conversation_id=before.conversation_id if before else body.conversation_id or new_id("conv"),
            model=agent.model,
            created_at=backend.now(),
            question=question,
            quotations=quotations,
            cited=cited,
        )

    try:
        turn = await backend.database.read(work)
    except SearchTimedOut:
        raise search_timed_out() from None
    if body.store:
        kept = TurnRow(
            id=turn.id,
            team_id=backend.options.team_id,
            conversation_id=turn.conversation_id,
            model=turn.model,
            sought=turn.question.sought,
            created_at=turn.created_at,
        )
        await backend.database.write(lambda connection: answers.insert(connection, kept), durable=False)
    return Events(turn.as_events()) if body.stream else Answer(turn.as_response())


def _check(body: AnswerRequest) -> None:
    if not body.question.strip():
        raise invalid("input must not be empty.")
    if len(body.question) > _LONGEST_QUESTION:
        raise invalid(f"input has at most {_LONGEST_QUESTION} characters.")
    if len(body.conversation_id or "") > _LONGEST_ID:
        raise invalid(f"A conversation id has at most {_LONGEST_ID} characters.")


def _before(
    connection: sqlite3.Connection, body: AnswerRequest, model: str, backend: Backend
) -> TurnRow | None:
    """Return the turn that this one follows, None for a first one.

    Raises:
        Refusal: There is no such turn of this team with this agent (400).
    """
    oldest = backend.now() - backend.options.answer_lifetime_s
    turn = None
    if body.previous_response_id:
        turn = answers.get(connection, body.previous_response_id)
    elif body.conversation_id:
        turn = answers.last_of(connection, body.conversation_id)
    known = turn and turn.team_id == backend.options.team_id and turn.created_at >= oldest
    if known and turn and turn.model == model:
        return turn
    if body.previous_response_id:
        raise invalid("There is no previous response with this id.", code=wire.PREVIOUS_NOT_FOUND)
    return None


def _quoted(
    connection: sqlite3.Connection,
    question: Question,
    bucket_ids: Sequence[str],
    reorder: Reorder | None,
) -> tuple[list[Quotation], list[_Cited]]:
    """Return what is quoted and the passages it is from, numbered in the order they are quoted in."""
    found = retrieval.search(
        connection, question.sought, Where(bucket_ids), limit=extractive.PASSAGES, reorder=reorder
    )
    if not found:
        return [], []
    phrases = question.phrases()
    total, counts = retrieval.frequencies(connection, phrases, bucket_ids)
    known = files.get_all(connection, [passage.file_id for passage in found])
    sources = [
        Source(
            f"{known[passage.file_id].declaration.title or ''}\n{passage.heading or ''}",
            passage.text,
            passage.score,
            is_reply=known[passage.file_id].kind == "qa",
        )
        for passage in found
    ]
    words = dict(zip(phrases, question.weights(total, counts), strict=True))
    quotations = extractive.quotations(words, sources, question.least_share)
    order = list(dict.fromkeys(quotation.source for quotation in quotations))
    numbered = [Quotation(order.index(quotation.source), quotation.text) for quotation in quotations]
    return numbered, [_Cited(found[position], known[found[position].file_id]) for position in order]


OPERATIONS = (
    Operation("POST", paths.RESPONSES, answer, {200: (AnswerBody, EVENT_STREAM)}, asks=AnswerRequest),
)
