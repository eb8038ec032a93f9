"""Settings of the embedded backend."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from calypso_mcp.domain.limits import CREATES_PER_SECOND, UploadLimits
from calypso_mcp.local.semantic.options import EmbeddingOptions
from calypso_mcp.local.web.policy import WebPolicy
from calypso_mcp.local.writing.options import WriterOptions


@dataclass(frozen=True, slots=True)
class LocalOptions:
    """Settings of one embedded backend. Times are in seconds, sizes in bytes.

    `creates_per_second` of None switches the rate limit off.
    """

    data_dir: Path
    api_key: str = field(repr=False)
    limits: UploadLimits = field(default_factory=UploadLimits)
    session_lifetime_s: float = 3600.0
    creates_per_second: int | None = CREATES_PER_SECOND
    team_id: str = "team_local"
    #: Room on the disk that must stay free when the store grows; 0 leaves it to the disk to refuse.
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
    #: How long a turn of a conversation with an agent can be continued.
    answer_lifetime_s: float = 7 * 86_400.0
    #: Which web addresses may be fetched.
    web: WebPolicy = field(default_factory=WebPolicy)
    #: The model that orders passages by meaning; None: words alone order them.
    embeddings: EmbeddingOptions | None = None
    #: The language model that writes answers; None: answers quote the sources.
    writer: WriterOptions | None = None
    clock: Callable[[], float] = time.time
