"""What goes wrong on the way to Calypso, as data: which request, which fault, how often.

A script is a list of rules. Each request is shown to all of them in order; the first that has a fault for it
decides. The same script drives a TCP proxy before a real server (`fault_proxy`) and a transport that wraps
another one (`fault_transport`), and keeps a record of everything that came by.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

import anyio


@dataclass(frozen=True, slots=True)
class Kind:
    """Requests of one kind.

    Attributes:
        method: Regular expression of the HTTP method.
        path: Regular expression of the whole path.
        asks: True for offset questions (`Content-Range: bytes */N`) only, False for all others only.
    """

    method: str
    path: str
    asks: bool | None = None

    def covers(self, exchange: Exchange) -> bool:
        """Return whether a request is of this kind."""
        return (
            re.fullmatch(self.method, exchange.method) is not None
            and re.fullmatch(self.path, exchange.path) is not None
            and self.asks in {None, exchange.asks}
        )


CREATE = Kind("POST", r"/v1/knowledge/files/upload-session")
STORAGE = Kind("PUT", r"/upload/.+")
PUT = Kind("PUT", r"/upload/.+", asks=False)
OFFSET_QUESTION = Kind("PUT", r"/upload/.+", asks=True)
FINALIZE = Kind("POST", r"/v1/knowledge/files/upload-session/[^/]+/finalize")
CREATE_BATCH = Kind("POST", r"/v1/knowledge/files:batch/upload-session")
FINALIZE_BATCH = Kind("POST", r"/v1/knowledge/files:batch/upload-session/[^/]+/finalize")
SEARCH = Kind("POST", r"/v1/search")


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that goes wrong, on `times` requests in a row."""

    times: int = field(default=1, kw_only=True)


@dataclass(frozen=True, slots=True)
class Drop(Fault):
    """The connection breaks when `after_bytes` bytes of the request's body have passed."""

    after_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Answer(Fault):
    """The request never reaches the backend; this is answered instead."""

    status: int
    body: bytes = b'{"error": {"code": "scripted", "message": "A scripted fault."}}'
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class RateLimited(Fault):
    """429, with the wait the server asks for."""

    retry_after_s: float


@dataclass(frozen=True, slots=True)
class LoseAnswer(Fault):
    """The request arrives and counts; the connection breaks before its answer."""


@dataclass(frozen=True, slots=True)
class Slow(Fault):
    """The body trickles through at this rate."""

    bytes_per_s: float


@dataclass(frozen=True, slots=True)
class Hang(Fault):
    """The request is swallowed and no answer ever comes."""


@dataclass(frozen=True, slots=True)
class Garbage(Fault):
    """A 200 whose body is neither JSON nor anything else; the request never reaches the backend."""


@dataclass(frozen=True, slots=True)
class NotHttp(Fault):
    """Bytes come back that are no HTTP at all."""


@dataclass(frozen=True, slots=True)
class NoRangeOn308(Fault):
    """The answer loses its Range header, which means: nothing kept."""


@dataclass(frozen=True, slots=True)
class ExpiredSession(Fault):
    """The storage says that the upload address is gone, from now on."""

    status: int = 410


@dataclass(frozen=True, slots=True)
class Die(Fault):
    """The client's process dies when `after_bytes` bytes of the body have passed. For the transport only."""

    after_bytes: int = 0


class ProcessDied(BaseException):
    """What `Die` raises: nothing of the client runs any more."""


GARBAGE = b"\x89\xff\x00<<<not { json"


@dataclass(slots=True)
class Exchange:
    """One request as it came by.

    Attributes:
        method: Regular expression of the HTTP method.
        path: Path without query.
        content_range: Its header, where there is one.
        at: Arrival, in seconds of the script's clock.
        fault: What was done to it.
        body_bytes: Bytes of its body that were let through to the backend.
        status: Status of the answer the client got; None where it got none.
        over: Set when the proxy is done with it, be it that the client went away.
    """

    method: str
    path: str
    content_range: str | None
    at: float
    fault: Fault | None = None
    body_bytes: int = 0
    status: int | None = None
    over: anyio.Event = field(default_factory=anyio.Event, repr=False, compare=False)

    @property
    def asks(self) -> bool:
        """Whether it only asks how much the storage has kept."""
        return (self.content_range or "").startswith("bytes */")


@dataclass(frozen=True, slots=True)
class On:
    """Strikes the `nth` request of a kind, and as many after it as the fault says."""

    kind: Kind
    fault: Fault
    nth: int = field(default=1, kw_only=True)


@dataclass(frozen=True, slots=True)
class AtRandom:
    """Strikes a share of the requests of a kind, always the same ones for the same seed."""

    kind: Kind
    faults: tuple[Fault, ...]
    rate: float = field(kw_only=True)
    seed: int = field(kw_only=True)


Rule: TypeAlias = On | AtRandom


class _Playing:
    """A rule at work: it sees each request of its kind once."""

    def __init__(self, rule: Rule) -> None:
        self._rule = rule
        self._count = 0
        self._dice = random.Random(rule.seed) if isinstance(rule, AtRandom) else random.Random(0)

    def pick(self, exchange: Exchange) -> Fault | None:
        if not self._rule.kind.covers(exchange):
            return None
        self._count += 1
        match self._rule:
            case On(fault=fault, nth=nth):
                return fault if nth <= self._count < nth + fault.times else None
            case AtRandom(faults=faults, rate=rate):
                return self._dice.choice(faults) if self._dice.random() < rate else None


class Script:
    """Rules at work, and the record of what came by."""

    def __init__(self, *rules: Rule, now: Callable[[], float] = time.monotonic) -> None:
        """Start with nothing seen.

        Args:
            rules: Asked in order; all of them count every request.
            now: Clock of the record.
        """
        self.seen: list[Exchange] = []
        self._playing: list[_Playing] = []
        self._now = now
        self._gone: dict[str, Fault] = {}
        self._watchers: set[anyio.Event] = set()
        self.add(*rules)

    def add(self, *rules: Rule) -> None:
        """Let more go wrong; their counts start now."""
        self._playing.extend(_Playing(rule) for rule in rules)

    def clear(self) -> None:
        """Let nothing go wrong any more. What is gone stays gone."""
        self._playing.clear()

    def begin(self, method: str, path: str, content_range: str | None) -> Exchange:
        """Record a request and decide what happens to it."""
        exchange = Exchange(method, path, content_range, self._now())
        picks = [playing.pick(exchange) for playing in self._playing]
        exchange.fault = self._gone.get(path) or next((fault for fault in picks if fault), None)
        if isinstance(exchange.fault, ExpiredSession):
            self._gone[path] = exchange.fault
        self.seen.append(exchange)
        for watcher in self._watchers:
            watcher.set()
        return exchange

    async def reached(self, kind: Kind, count: int) -> None:
        """Wait until `count` requests of a kind have come by."""
        while len(self.of(kind)) < count:
            watcher = anyio.Event()
            self._watchers.add(watcher)
            await watcher.wait()
            self._watchers.discard(watcher)

    def of(self, kind: Kind) -> list[Exchange]:
        """Return what came by of one kind, in order."""
        return [exchange for exchange in self.seen if kind.covers(exchange)]

    @property
    def struck(self) -> list[Exchange]:
        """The requests that something happened to."""
        return [exchange for exchange in self.seen if exchange.fault is not None]


def scripted_answer(fault: Fault) -> tuple[int, list[tuple[str, str]], bytes] | None:
    """Return status, headers and body of faults that are answered without the backend; None for others."""
    json_type = ("Content-Type", "application/json")
    match fault:
        case Answer(status=status, body=body, headers=headers):
            return status, [json_type, *headers], body
        case RateLimited(retry_after_s=seconds):
            body = b'{"error": {"code": "rate_limited", "message": "Too many requests.", "retryable": true}}'
            return 429, [json_type, ("Retry-After", f"{seconds:g}")], body
        case Garbage():
            return 200, [json_type], GARBAGE
        case ExpiredSession(status=status):
            return status, [("Content-Type", "text/plain")], b"The upload address is gone."
        case _:
            return None
