"""Which language model writes answers, and how long it may take."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class WriterOptions:
    """A language model at an OpenAI-compatible endpoint. Times are in seconds.

    Attributes:
        url: The endpoint, up to `/chat/completions`.
        model: The model's name there.
        key: The endpoint's key; empty if it takes none.
        wait_s: How long the answer may take.
        most_tokens: Longest answer asked for.
    """

    url: str
    model: str
    key: str = field(default="", repr=False)
    wait_s: float = 30.0
    most_tokens: int = 800
