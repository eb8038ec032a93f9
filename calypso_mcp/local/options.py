"""Settings of the embedded backend and of the models that it asks."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from calypso_mcp.domain.limits import CREATES_PER_SECOND
from calypso_mcp.domain.retry import RetryPolicy
from calypso_mcp.local.web.policy import WebPolicy

# What a data folder holds.
STORE_FILE = "calypso.db"
BLOBS_FOLDER = "blobs"
WORKERS_FOLDER = "workers"


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


@dataclass(frozen=True, slots=True)
class WriterOptions:
    """A language model at an OpenAI-compatible endpoint, whose `url` goes up to `/chat/completions`.

    The key is empty if it takes none; `wait_s` is how many seconds the answer may take.
    """

    url: str
    model: str
    key: str = field(default="", repr=False)
    wait_s: float = 30.0


@dataclass(frozen=True, slots=True)
class LocalOptions:
    """Settings of one embedded backend. Times are in seconds, sizes in bytes.

    `creates_per_second` of None switches the rate limit off.
    """

    data_dir: Path
    api_key: str = field(repr=False)
    session_lifetime_s: float = 3600.0
    creates_per_second: int | None = CREATES_PER_SECOND
    #: How much of the disk must stay free when the store grows; 0: nothing is refused until the disk is full.
    min_free_bytes: int = 0
    #: Largest JSON request body: 100 items with full metadata fit several times over.
    body_bytes: int = 4_194_304
    #: Files worked on at once by this process.
    indexing_parallelism: int = 2
    #: How long a task stays with a live process that no longer renews its lease. Far longer than processes
    #: that index large files on a slow machine wait for each other's writes; an ended one is noticed at once.
    lease_s: float = 300.0
    #: How often to look for work that another process queued.
    poll_s: float = 0.5
    #: How long the bytes of an expired, unfinalized session are kept for its continuation.
    orphan_lifetime_s: float = 86_400.0
    #: Which web addresses may be fetched.
    web: WebPolicy = field(default_factory=WebPolicy)
    #: The model that finds passages by meaning, too; None: words alone do.
    embeddings: EmbeddingOptions | None = None
    #: The language model that writes answers; None: answers quote the sources.
    writer: WriterOptions | None = None
    clock: Callable[[], float] = time.time
