from __future__ import annotations

from calypso_mcp.assembly.local_options import embedding_options, local_options
from calypso_mcp.local.options import EmbeddingOptions
from calypso_mcp.settings import settings_from


def test_an_embedding_model_is_set_up_by_its_name_alone_or_with_an_endpoint() -> None:
    assert embedding_options(settings_from({}, {})) is None
    here = settings_from({"embeddings_model": "BAAI/bge-small-en-v1.5"}, {})
    assert embedding_options(here) == EmbeddingOptions("BAAI/bge-small-en-v1.5")
    there = settings_from(
        {},
        {
            "CALYPSO_EMBEDDINGS_URL": "https://llm.example/v1/embeddings",
            "CALYPSO_EMBEDDINGS_MODEL": "m",
            "CALYPSO_EMBEDDINGS_KEY": "sk-one",
            "CALYPSO_EMBEDDINGS_QUERY_PREFIX": "query:",
            "CALYPSO_EMBEDDINGS_PASSAGE_PREFIX": "passage:",
        },
    )
    set_up = local_options(there, "sk_local")
    assert set_up.api_key == "sk_local"
    assert set_up.embeddings == EmbeddingOptions(
        "m", "https://llm.example/v1", "sk-one", query_prefix="query:", passage_prefix="passage:"
    )
