"""An API at the transport whose answers stand in a list: for what only a misbehaving server would say."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import anyio.lowlevel
import httpx2

from calypso_mcp.client import CalypsoClient, ClientPolicies
from calypso_mcp.client.clock import Clock

BASE_URL = "https://api.calypso.test/v1"
API_KEY = "sk_secret_key_of_the_tests"

Answer: TypeAlias = (
    httpx2.Response | Exception | Callable[[httpx2.Request], "httpx2.Response | Exception"] | dict[str, Any]
)


@dataclass
class FakeClock:
    """Time that passes only while somebody sleeps; everything else takes no time at all."""

    now_s: float = 1_000.0
    slept: list[float] = field(default_factory=list[float])

    async def sleep(self, seconds: float) -> None:
        """Let others run, then let the time pass."""
        self.slept.append(seconds)
        await anyio.lowlevel.checkpoint()
        self.now_s += seconds

    @property
    def clock(self) -> Clock:
        """This time as the client takes it."""
        return Clock(now=lambda: self.now_s, sleep=self.sleep)


def problem(status: int, code: str = "scripted", **headers: str) -> httpx2.Response:
    """Return an answer with the API's error envelope."""
    body = {"error": {"code": code, "message": f"Scripted {status}."}}
    return httpx2.Response(status, json=body, headers=headers)


@dataclass
class ScriptedApi(httpx2.AsyncBaseTransport):
    """Answers each `METHOD path` with its script; the last answer of a script is repeated.

    Attributes:
        scripts: Answers by method and path; a path ending in `*` matches every longer one.
        requests: Everything that arrived, in order.
        bodies: The bytes of each.
    """

    scripts: Mapping[str, Sequence[Answer]]
    requests: list[httpx2.Request] = field(default_factory=list[httpx2.Request])
    bodies: list[bytes] = field(default_factory=list[bytes])
    _used: dict[str, int] = field(default_factory=dict[str, int])

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Take the request in, and answer it."""
        self.bodies.append(await request.aread())
        self.requests.append(request)
        line = f"{request.method} {request.url.path}"
        for key, answers in self.scripts.items():
            if line == key or (key.endswith("*") and line.startswith(key[:-1])):
                position = min(self._used.get(key, 0), len(answers) - 1)
                self._used[key] = self._used.get(key, 0) + 1
                return self._answered(answers[position], request)
        raise AssertionError(f"nobody expected {line}")

    def _answered(self, answer: Answer, request: httpx2.Request) -> httpx2.Response:
        if callable(answer):
            answer = answer(request)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, dict):
            return httpx2.Response(200, json=answer)
        # A response can be read once; scripts repeat it.
        return httpx2.Response(answer.status_code, headers=answer.headers, content=answer.content)

    def lines(self) -> list[str]:
        """Return method and path of everything that arrived."""
        return [f"{request.method} {request.url.path}" for request in self.requests]

    def json(self, position: int) -> Any:
        """Return the body of one request."""
        return json.loads(self.bodies[position])


def scripted_client(
    scripts: Mapping[str, Sequence[Answer]],
    *,
    clock: FakeClock | None = None,
    policies: ClientPolicies | None = None,
) -> tuple[CalypsoClient, ScriptedApi]:
    """Return a client and the scripted API it talks to. Jitter is always at its largest."""
    api = ScriptedApi(scripts)
    client = CalypsoClient(
        base_url=BASE_URL,
        api_key=API_KEY,
        transport=api,
        clock=(clock or FakeClock()).clock,
        policies=policies,
        dice=lambda: 1.0,
    )
    return client, api
