"""The prefixes that models expect before a text, from the model cards of their publishers."""

from __future__ import annotations

from dataclasses import dataclass

from calypso_mcp.local.options import EmbeddingOptions

_RETRIEVE = "Represent this sentence for searching relevant passages: "
_INSTRUCT = "Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery: "


@dataclass(frozen=True, slots=True)
class Prefixes:
    """The texts before questions and before passages."""

    question: str = ""
    passage: str = ""


#: Parts of a model's name, and the prefixes of such models; the first that fits counts.
_KNOWN = (
    (("e5", "instruct"), Prefixes(_INSTRUCT)),
    (("e5-",), Prefixes("query: ", "passage: ")),
    (("nomic-embed",), Prefixes("search_query: ", "search_document: ")),
    (("embeddinggemma",), Prefixes("task: search result | query: ", "title: none | text: ")),
    (("qwen3-embedding",), Prefixes(_INSTRUCT)),
    (("arctic-embed", "v2"), Prefixes("query: ")),
    (("arctic-embed2",), Prefixes("query: ")),
    (("arctic-embed",), Prefixes(_RETRIEVE)),
    (("mxbai-embed",), Prefixes(_RETRIEVE)),
    (("bge-", "-en"), Prefixes(_RETRIEVE)),
)


def prefixes_of(options: EmbeddingOptions) -> Prefixes:
    """Return the prefixes that the options name, else those known of the model."""
    name = options.model.lower()
    known = next((known for parts, known in _KNOWN if all(part in name for part in parts)), Prefixes())
    return Prefixes(
        known.question if options.query_prefix is None else _separated(options.query_prefix),
        known.passage if options.passage_prefix is None else _separated(options.passage_prefix),
    )


def stored_name(options: EmbeddingOptions) -> str:
    """Return the name of the model in the store: vectors of equal names can be compared."""
    return "\n".join((options.model, options.url or "", prefixes_of(options).passage))


def _separated(prefix: str) -> str:
    """Return a prefix with the space after it, which settings lose."""
    return f"{prefix.rstrip()} " if prefix.strip() else ""
