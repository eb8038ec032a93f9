"""Questions with their answers on the wire: an extension of the embedded backend."""

from __future__ import annotations

from calypso_mcp.api.buckets import DestinationFields
from calypso_mcp.api.files import KnowledgeFile


class AddQa(DestinationFields):
    """Body of `POST /knowledge/qa`. The same question again replaces its answer."""

    question: str
    answer: str
    tags: tuple[str, ...] | None = None


class QaPair(KnowledgeFile):
    """Answer of `POST /knowledge/qa`: the knowledge file that holds the pair.

    `replaces` is the id of the file that held the question's answer before.
    """

    object: str = "knowledge_qa"
    question: str | None = None
    replaces: str | None = None
