"""The embedded Calypso's part of the settings."""

from __future__ import annotations

from calypso_mcp.local.options import EmbeddingOptions, LocalOptions, WriterOptions
from calypso_mcp.local.web.policy import PrivateHosts, WebPolicy
from calypso_mcp.settings import Settings


def local_options(settings: Settings, api_key: str) -> LocalOptions:
    """Return the settings of the embedded Calypso; `api_key` opens it."""
    return LocalOptions(
        data_dir=settings.data_dir,
        api_key=api_key,
        min_free_bytes=settings.min_free_disk_bytes,
        web=WebPolicy(PrivateHosts.parse(settings.allow_private_hosts)),
        embeddings=embedding_options(settings),
        writer=writer_options(settings),
    )


def embedding_options(settings: Settings) -> EmbeddingOptions | None:
    """Return the embedding model that finds passages; None if none is set up."""
    if settings.embeddings_model is None:
        return None
    key = settings.embeddings_key
    return EmbeddingOptions(
        model=settings.embeddings_model,
        url=settings.embeddings_url,
        key="" if key is None else key.get_secret_value(),
        query_prefix=settings.embeddings_query_prefix,
        passage_prefix=settings.embeddings_passage_prefix,
    )


def writer_options(settings: Settings) -> WriterOptions | None:
    """Return the language model that writes answers; None if none is set up."""
    if settings.llm_url is None or settings.llm_model is None:
        return None
    key = settings.llm_key
    return WriterOptions(
        url=settings.llm_url, model=settings.llm_model, key="" if key is None else key.get_secret_value()
    )
