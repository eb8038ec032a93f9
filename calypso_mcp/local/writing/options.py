"""Which language model writes answers, and how long it may take."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class WriterOptions:
    """A language model at an OpenAI-compatible endpoint, whose `url` goes up to `/chat/completions`.

    The key is empty if it takes none; `wait_s` is how many seconds the answer may take.
    """

    url: str
    model: str
    key: str = field(default="", repr=False)
    wait_s: float = 30.0
    most_tokens: int = 800
