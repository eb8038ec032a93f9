"""Which embedding model orders passages, and how long it may take."""

from __future__ import annotations

from dataclasses import dataclass, field

from calypso_mcp.domain.retry import RetryPolicy


@dataclass(frozen=True, slots=True)
class EmbeddingOptions:
    """An embedding model. Times are in seconds.

    Attributes:
        model: Its name at the endpoint; without an endpoint its name in fastembed, or its folder.
        url: The OpenAI-compatible endpoint, up to `/embeddings`; None for a model on this machine.
        key: The endpoint's key; empty if it takes none.
        query_prefix: The text before a question; None for the one known for the model.
        passage_prefix: The text before a passage; None likewise.
        question_wait_s: How long a search waits for the vector of its question.
        rest_s: How long searches go by words after a question got no vector.
        passages_wait_s: How long a batch of passages may take.
        poll_s: How often to look for passages without vectors.
        pause_s: Rest after each batch while files are being indexed.
        retry: Pauses between attempts at a batch. The attempts never end.
    """

    model: str
    url: str | None = None
    key: str = field(default="", repr=False)
    query_prefix: str | None = None
    passage_prefix: str | None = None
    question_wait_s: float = 2.0
    rest_s: float = 15.0
    passages_wait_s: float = 60.0
    poll_s: float = 2.0
    pause_s: float = 2.0
    retry: RetryPolicy = field(
        default_factory=lambda: RetryPolicy(
            attempts=1_000_000_000, base_s=1.0, cap_s=60.0, retry_after_cap_s=3_600.0
        )
    )
