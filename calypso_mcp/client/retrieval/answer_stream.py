"""The events of a streamed answer, put together to the body that would have come at once.

Unknown events of the OpenAI family are passed over, and so are lines that are no events.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from calypso_mcp.api import answers
from calypso_mcp.api.answers import RawAnswer
from calypso_mcp.api.wire import as_object
from calypso_mcp.errors import AnswerFailed

#: Events that end an answer without one, and the status they stand for.
_ENDINGS: Final[Mapping[str, str]] = {
    "response.failed": "failed",
    "response.incomplete": "incomplete",
    "response.cancelled": "cancelled",
}
#: Events of which something is kept until the answer ends.
_KEPT: Final = frozenset({answers.TEXT_DELTA, answers.TEXT_DONE, answers.ANNOTATION_ADDED, answers.ITEM_DONE})


@dataclass(slots=True)
class StreamedAnswer:
    """An answer while it comes in.

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
        """Whether the event that ends an answer has come."""
        return self._last is not None

    def take(self, name: str, data: str) -> None:
        """Add one event: the name it was sent under, and its data."""
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
        return as_object(json.loads(data))
    except (ValueError, RecursionError):
        return {}
