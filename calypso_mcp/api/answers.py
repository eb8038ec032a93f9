"""Grounded answers on the wire (API sheet section 9.2). Only a part of their shape is published."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from pydantic import ConfigDict, Field, StrictBool

from calypso_mcp.api.connection import Extension, mark
from calypso_mcp.api.wire import WireModel
from calypso_mcp.domain.json_values import as_list, as_object

#: Request metadata that lets an agent retrieve from its files as its policy says.
RAG_POLICY: Final[Mapping[str, Any]] = {"_aicore": {"file_input_strategy": "rag_policy"}}
#: Code under which the embedded backend refuses a turn that it does not know (any more).
PREVIOUS_NOT_FOUND: Final = "previous_response_not_found"

#: How the embedded backend says that it quotes, that a model wrote, or that it found no answer.
EXTRACTIVE: Final = "extractive"
GENERATED: Final = "generated"
ABSTAINED: Final = "abstained"

# Events of a streamed answer. Each carries its name as `type`, too.
CREATED: Final = "response.created"
TEXT_DELTA: Final = "response.output_text.delta"
TEXT_DONE: Final = "response.output_text.done"
ANNOTATION_ADDED: Final = "response.output_text.annotation.added"
ITEM_DONE: Final = "response.output_item.done"
COMPLETED: Final = "response.completed"


class Conversation(WireModel):
    """A conversation, under an id that the client makes."""

    id: str


class AnswerRequest(WireModel):
    """Body of `POST /responses`. The first turn names a conversation, later ones the response before.

    `buckets` is an extension: ids of those of the agent's buckets from which it may answer.
    """

    model: str = Field(min_length=1)
    input: str | tuple[dict[str, Any], ...]
    stream: StrictBool = False
    store: StrictBool = True
    conversation: Conversation | str | None = None
    previous_response_id: str | None = None
    buckets: tuple[str, ...] | None = Field(default=None, json_schema_extra=mark(Extension.NARROW))
    metadata: Mapping[str, Any] = Field(default_factory=lambda: RAG_POLICY)

    @property
    def question(self) -> str:
        """What is asked: the input itself, the last message of it, or its bare text parts."""
        if isinstance(self.input, str):
            return self.input
        messages = [entry for entry in self.input if "content" in entry]
        content: object = messages[-1]["content"] if messages else self.input
        return content if isinstance(content, str) else "\n".join(_texts(content))

    @property
    def conversation_id(self) -> str | None:
        """The id of the conversation, in either spelling."""
        conversation = self.conversation
        return conversation.id if isinstance(conversation, Conversation) else conversation


class RawAnswer(WireModel):
    """A whole answer, kept as it is."""

    model_config = ConfigDict(extra="allow")


def _texts(parts: object) -> Iterator[str]:
    for part in as_list(parts):
        text = as_object(part).get("text")
        if isinstance(text, str):
            yield text
