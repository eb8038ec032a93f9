"""Asking an agent."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import anyio
import httpx2

from calypso_mcp.api import answers, paths
from calypso_mcp.api.answers import AnswerRequest, RawAnswer
from calypso_mcp.api.search import SearchResult
from calypso_mcp.client.policies import Timeouts
from calypso_mcp.client.retrieval import evidence
from calypso_mcp.client.transport.bodies import decoded, unpacked
from calypso_mcp.client.transport.requester import Requester
from calypso_mcp.domain.json_text import parsable
from calypso_mcp.domain.json_values import as_object
from calypso_mcp.errors import AnswerFailed, RequestTimedOut

#: Events that end an answer without one, and the status they stand for.
_ENDINGS: Final[Mapping[str, str]] = {
    "response.failed": "failed",
    "response.incomplete": "incomplete",
    "response.cancelled": "cancelled",
}
#: Events of which something is kept until the answer ends.
_KEPT: Final = frozenset({answers.TEXT_DELTA, answers.TEXT_DONE, answers.ANNOTATION_ADDED, answers.ITEM_DONE})


#: Sources of one answer that are kept.
MOST_SOURCES: Final = 20
#: Longest answer that is read, in characters; a model that repeats itself has to end somewhere.
_LONGEST_ANSWER: Final = 1_000_000
#: Most that is kept of one stream, in characters: text, sources and the events that repeat them.
_MOST_KEPT: Final = 8_000_000
#: Longest stream that is read, in bytes without compression; a delta of a few letters is an event.
_LARGEST_STREAM: Final = 64 * 1024 * 1024
#: Bytes of a stream that are read as fast as they come, and bytes per second after that. A model writes some
#: kilobytes a second; a faster stream would take the processor from other callers.
_UNPACED: Final = 1024 * 1024
_PACED_PER_S: Final = 256 * 1024
_EVENT_STREAM: Final = "text/event-stream"

#: Called with the number of characters of the answer so far.
Heard = Callable[[int], None]


def _unheard(_characters: int) -> None:
    """Ignore the piece."""


@dataclass(frozen=True, slots=True)
class GroundedAnswer:
    """What an agent answered.

    Attributes:
        text: The answer; never empty.
        sources: The passages it rests on, as far as the API names them.
        response_id: The id that the next turn refers to; None if the API gives no id.
        kind: How it was made, if the backend says so; None: by a model.
    """

    text: str
    sources: tuple[SearchResult, ...]
    response_id: str | None
    kind: str | None


class Answers:
    """`/responses`."""

    def __init__(self, requester: Requester, timeouts: Timeouts) -> None:
        self._requester = requester
        self._wait_s = timeouts.agent_s

    async def ask(self, request: AnswerRequest, heard: Heard = _unheard) -> GroundedAnswer:
        """Return the answer to `request`, streamed or not; `heard` hears its length while it arrives.

        Raises:
            AnswerFailed: It failed, broke off, or is empty.
            RequestTimedOut: It was not complete in time.
            ApiError: As for every request.
        """
        try:
            body = await self.raw(request, heard)
        except RequestTimedOut as error:
            error.hint = "Ask something narrower, or look for passages with search_bucket."
            raise
        text = evidence.text_of(body).strip()
        if not text:
            raise AnswerFailed("The agent's answer is empty.", code="answer_empty")
        return GroundedAnswer(
            text=text,
            sources=evidence.passages(body, MOST_SOURCES),
            response_id=_name(body.model_dump().get("id")),
            kind=evidence.kind_of(body),
        )

    async def raw(self, request: AnswerRequest, heard: Heard = _unheard) -> RawAnswer:
        """Return the whole answer as the API words it, which may be without text. Errors: see `ask`."""

        async def read(response: httpx2.Response) -> RawAnswer:
            kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
            # Asked for a stream, a server may answer all at once.
            streams = kind == _EVENT_STREAM
            body = await (_folded(response, heard) if streams else decoded(response, RawAnswer))
            problem = evidence.failure(body)
            if problem is not None:
                raise problem
            return body

        return await self._requester.post_and_listen(paths.RESPONSES, request, read, wait_s=self._wait_s)


@dataclass(slots=True)
class _StreamedAnswer:
    """An answer while it comes in as events; unknown ones are passed over, and lines that are no events.

    Attributes:
        characters: How much of its text is there.
        kept_characters: How much is kept of all events, their own framing included.
    """

    characters: int = 0
    kept_characters: int = 0
    _pieces: list[str] = field(default_factory=list[str])
    _parts: list[str] = field(default_factory=list[str])
    _notes: list[Any] = field(default_factory=list[Any])
    _items: list[Any] = field(default_factory=list[Any])
    _last: Mapping[str, Any] | None = None

    @property
    def is_over(self) -> bool:
        return self._last is not None

    def take(self, name: str, data: str) -> None:
        event = _read_event(data)
        kind = event.get("type") or name
        if kind in _KEPT:
            self.kept_characters += len(data)
        match kind:
            case answers.TEXT_DELTA:
                piece = str(event.get("delta") or "")
                self._pieces.append(piece)
                self.characters += len(piece)
            case answers.TEXT_DONE:
                self._parts.append(str(event.get("text") or ""))
            case answers.ANNOTATION_ADDED:
                self._notes.append(event.get("annotation"))
            case answers.ITEM_DONE:
                self._items.append(event.get("item"))
            case answers.COMPLETED:
                self._last = as_object(event.get("response"))
            case "error":
                self._last = {"error": event.get("error") or event or "it gives no reason"}
            case str() if kind in _ENDINGS:
                self._last = {**as_object(event.get("response")), "status": _ENDINGS[kind]}
            case _:
                pass

    def body(self) -> RawAnswer:
        """Return the whole answer.

        Raises:
            AnswerFailed: The stream ended before the answer did.
        """
        if self._last is None:
            raise AnswerFailed("The agent's answer broke off before its end.", code="answer_incomplete")
        body = dict(self._last)
        text = "\n".join(part for part in self._parts if part) or "".join(self._pieces)
        body["output_text"] = body.get("output_text") or text
        message = {"type": "message", "content": [{"type": "output_text", "annotations": self._notes}]}
        body["output"] = body.get("output") or self._items or [message]
        return RawAnswer.model_validate(body)


def _read_event(data: str) -> Mapping[str, Any]:
    try:
        return as_object(json.loads(parsable(data.encode())))
    except (ValueError, RecursionError):
        return {}


async def _folded(response: httpx2.Response, heard: Heard) -> RawAnswer:
    answer = _StreamedAnswer()
    bounded = httpx2.Response(
        response.status_code,
        headers={"content-type": _EVENT_STREAM},
        stream=_Bounded(response),
        request=response.request,
    )
    async for event in httpx2.EventSource(bounded, _LARGEST_STREAM):
        answer.take(event.event, event.data)
        heard(answer.characters)
        if answer.is_over:
            break
        if answer.characters > _LONGEST_ANSWER or answer.kept_characters > _MOST_KEPT:
            raise _endless()
    return answer.body()


class _Bounded(httpx2.AsyncByteStream):
    """A stream up to what any answer needs and no faster, comments and unknown events included."""

    def __init__(self, response: httpx2.Response) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        started_at = anyio.current_time()
        async for part in unpacked(self._response):
            size += len(part)
            if size > _LARGEST_STREAM:
                raise _endless()
            yield part
            if size > _UNPACED:
                await anyio.sleep_until(started_at + (size - _UNPACED) / _PACED_PER_S)


def _endless() -> AnswerFailed:
    return AnswerFailed("The agent's answer does not end.", code="answer_too_long", retryable=False)


def _name(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
