"""An answer as the API writes it: at once, or as the events of a stream (API sheet section 9.2)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from calypso_mcp.api import answers as wire
from calypso_mcp.local.retrieval.extractive import Said
from calypso_mcp.local.retrieval.index import Passage
from calypso_mcp.local.retrieval.matches import match_quotations
from calypso_mcp.local.routes.search import NO_USAGE, attributes_of
from calypso_mcp.local.store.answers import TurnRow
from calypso_mcp.local.store.files import FileRow


@dataclass(frozen=True, slots=True)
class Cited:
    """A passage that is quoted from, and its file."""

    passage: Passage
    file: FileRow

    @property
    def context(self) -> str:
        """What stands around the passage: its file's title and its headings."""
        return f"{self.passage.title}\n{self.passage.heading or ''}"

    def answers(self, question: str) -> bool:
        """Whether it is the stored answer to a question, which `same_question` made plain."""
        return self.file.kind == "qa" and self.file.declaration.path == question

    def cut_to(self, quotations: Sequence[str]) -> Cited:
        """Return it with the part that holds the sentences quoted from it."""
        return replace(self, passage=match_quotations(self.passage, quotations))

    def as_source(self, number: int) -> dict[str, Any]:
        """Return it as the source with this number, from 1."""
        url = self.file.url
        return {
            "index": number,
            "label": self.file.declaration.title or self.file.declaration.filename,
            "file_name": self.file.declaration.filename,
            "knowledge_id": self.file.id,
            "snippet": self.passage.text,
            **({} if url is None else {"url": url}),
            "attributes": attributes_of(self.passage, self.file),
        }


@dataclass(frozen=True, slots=True)
class Turn:
    """One answered question. `lines` are the pieces of its text, and `said` rests on what is `cited`."""

    row: TurnRow
    kind: str
    lines: Sequence[str]
    said: Sequence[Said] = ()
    cited: Sequence[Cited] = ()

    def as_response(self) -> dict[str, Any]:
        """Return the answer in the shape of a response of OpenAI."""
        text = "".join(self.lines)
        part = {"type": "output_text", "text": text, "annotations": self.annotations}
        message = {
            "id": f"msg_{self.row.id.partition('_')[2]}",
            "type": "message",
            "role": "assistant",
            "status": "completed",
            "content": [part],
        }
        return {
            "id": self.row.id,
            "object": "response",
            "created_at": int(self.row.created_at),
            "status": "completed",
            "model": self.row.model,
            "output": [message],
            "output_text": text,
            "conversation": {"id": self.row.conversation_id},
            "usage": NO_USAGE,
            "metadata": {
                "_aicore": {
                    "display_text": text,
                    "answer_kind": self.kind,
                    "grounded_sources": [
                        cited.as_source(number) for number, cited in enumerate(self.cited, start=1)
                    ],
                    "grounding_supports": [
                        {"support_index": position, "chunks": list(said.sources), "text": said.text}
                        for position, said in enumerate(self.said)
                    ],
                }
            },
        }

    @property
    def annotations(self) -> list[dict[str, Any]]:
        """The sources as notes on the text."""
        return [
            {
                "type": "file_citation",
                "index": number,
                "file_id": cited.file.id,
                "filename": cited.file.declaration.filename,
            }
            for number, cited in enumerate(self.cited, start=1)
        ]

    def first_event(self) -> Mapping[str, Any]:
        """Return the event that begins the answer."""
        response = {
            "id": self.row.id,
            "object": "response",
            "created_at": int(self.row.created_at),
            "model": self.row.model,
            "conversation": {"id": self.row.conversation_id},
            "status": "in_progress",
        }
        return {"type": wire.CREATED, "response": response}

    def last_events(self) -> Iterator[Mapping[str, Any]]:
        """Yield the events that follow the text."""
        response = self.as_response()
        for number, annotation in enumerate(self.annotations):
            yield {"type": wire.ANNOTATION_ADDED, "annotation_index": number, "annotation": annotation}
        yield {"type": wire.TEXT_DONE, "text": response["output_text"]}
        yield {"type": wire.ITEM_DONE, "output_index": 0, "item": response["output"][0]}
        yield {"type": wire.COMPLETED, "response": response}
