"""The knobs of the client as small frozen values."""

from __future__ import annotations

from dataclasses import dataclass, field

from calypso_mcp.domain.retry import RetryPolicy
from calypso_mcp.domain.states.readiness import PollSchedule


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long to wait for the network, in seconds.

    Attributes:
        connect_s: Until a connection is open.
        read_s: Between two pieces of an answer.
        write_s: Until a piece of a request is sent.
        answer_s: For one attempt of one JSON request as a whole, so that a trickling answer ends, too.
        agent_s: For an agent's answer as a whole, all attempts included: less than the deadline of
            the call it is made for, so that the caller learns what to do about a slow agent.
    """

    connect_s: float = 10.0
    read_s: float = 30.0
    write_s: float = 30.0
    answer_s: float = 60.0
    agent_s: float = 45.0


@dataclass(frozen=True, slots=True)
class ClientPolicies:
    """Everything that can be tuned.

    Attributes:
        retry: For JSON requests.
        timeouts: For every request.
        poll: How often readiness is asked for.
        parallel_uploads: Files whose bytes are sent at the same time.
        storage_retry: For the bytes of one file. Counted from zero whenever the storage has kept more of it,
            and more patient than `retry`, because a lost file costs more than a lost second.
    """

    retry: RetryPolicy = field(default_factory=RetryPolicy)
    timeouts: Timeouts = field(default_factory=Timeouts)
    poll: PollSchedule = field(default_factory=PollSchedule)
    parallel_uploads: int = 8
    storage_retry: RetryPolicy = field(default_factory=lambda: RetryPolicy(attempts=8, base_s=0.25))
