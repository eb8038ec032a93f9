"""How long another agent's search takes while strangers or a greedy caller attack the same server.

    python -m tests.benchmarks.attacks [--seconds 40] [NAME...]

Each attack runs in a process of its own against a real `calypso-mcp http`, which asks a Calypso in a third
process; a caller who is known searches ten times a second meanwhile. An attack is an entry of ATTACKS: a way
to log in, and a coroutine that attacks until it is cancelled.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import json
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import anyio
import httpx2
import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client

from calypso_mcp.server.access.access_file import tokens
from calypso_mcp.server.one_time.upload_ledger import LEDGER_FILE, UploadLedger
from tests.support.live_backend import API_KEY, BackendProcess
from tests.support.team_server import Worker

KEY_HEADER = "Calypso-Api-Key"
AUDIENCE = "https://mcp.example/mcp"
CONNECTIONS = 540
#: Of one caller at once.
CLIENTS = 24
UNUSED_ADDRESSES = 200_000
PAUSE_S = 0.1
LIST_TOOLS = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}).encode()
#: Headers of a body, and the body.
Sent = tuple[str, bytes]
WHOLE: Sent = (f"Content-Length: {len(LIST_TOOLS)}", LIST_TOOLS)


@dataclass(frozen=True)
class Attacked:
    """A server under attack, the header a known caller logs in with, and the process to measure."""

    origin: str
    login: dict[str, str]
    #: What the attacker logs in with; empty for strangers.
    token: str = ""


@asynccontextmanager
async def by_own_key(calypso: str, folder: Path) -> AsyncGenerator[Attacked]:
    """Run a server whose callers bring their own API keys."""
    environment = {
        "CALYPSO_DATA_DIR": str(folder),
        "CALYPSO_API_BASE_URL": f"{calypso}/v1",
        "CALYPSO_CALLER_KEY_HEADER": KEY_HEADER,
    }
    worker = Worker(environment)
    try:
        yield Attacked(worker.origin, {KEY_HEADER: API_KEY})
    finally:
        worker.stop()


@asynccontextmanager
async def by_oauth(calypso: str, folder: Path) -> AsyncGenerator[Attacked]:
    """Run a server behind an issuer that publishes its keys once, and never answers again."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    published = {**json.loads(RSAAlgorithm.to_jwk(key.public_key())), "kid": "known"}
    body = json.dumps({"keys": [published]}).encode()
    asked = itertools.count()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if next(asked) > 0:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(3_600)
            return
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as issuer:
        address = f"http://127.0.0.1:{issuer.sockets[0].getsockname()[1]}"
        environment = {
            "CALYPSO_DATA_DIR": str(folder),
            "CALYPSO_API_BASE_URL": f"{calypso}/v1",
            "CALYPSO_API_KEY": API_KEY,
            "CALYPSO_OAUTH_ISSUER": address,
            "CALYPSO_OAUTH_JWKS_URL": f"{address}/jwks",
            "CALYPSO_OAUTH_AUDIENCE": AUDIENCE,
        }
        claims = {
            "iss": address,
            "aud": AUDIENCE,
            "sub": "known",
            "exp": int(time.time()) + 3_600,
            "calypso_buckets": ["docs"],
        }
        token = jwt.encode(claims, key, "RS256", {"kid": "known"})
        worker = await anyio.to_thread.run_sync(Worker, environment)
        try:
            yield Attacked(worker.origin, {"Authorization": f"Bearer {token}"})
        finally:
            await anyio.to_thread.run_sync(worker.stop)


@asynccontextmanager
async def by_access_file(calypso: str, folder: Path) -> AsyncGenerator[Attacked]:
    """Run a server with a known caller, and one who may call without end but has a small quota."""
    folder.mkdir(parents=True, exist_ok=True)
    known, greedy = tokens.new_token("known"), tokens.new_token("greedy")
    access = folder / "access.toml"
    access.write_text(
        f'[agents.known]\ntoken_hash = "{tokens.hash_token(known)}"\nbuckets = ["docs"]\n'
        f'[agents.greedy]\ntoken_hash = "{tokens.hash_token(greedy)}"\nall_buckets = true\n'
        "calls_per_minute = 100_000\nbytes_per_bucket = 500_000\n"
    )
    environment = {
        "CALYPSO_DATA_DIR": str(folder),
        "CALYPSO_API_BASE_URL": f"{calypso}/v1",
        "CALYPSO_API_KEY": API_KEY,
        "CALYPSO_ACCESS_FILE": str(access),
    }
    worker = await anyio.to_thread.run_sync(Worker, environment)
    try:
        yield Attacked(worker.origin, {"Authorization": f"Bearer {known}"}, greedy)
    finally:
        await anyio.to_thread.run_sync(worker.stop)


@asynccontextmanager
async def with_unused_addresses(calypso: str, folder: Path) -> AsyncGenerator[Attacked]:
    """Run the same server on a record of addresses that were never used."""
    path = folder / LEDGER_FILE
    ledger = UploadLedger(path)
    await ledger.read(f"upload_{'A' * 22}")
    ledger.close()
    now = int(time.time())
    rows = (
        (f"upload_{number:022d}", f"caller-{number // 1_000}", "issued", "b", "a.txt", now + 900, now, 0)
        for number in range(UNUSED_ADDRESSES)
    )
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.executemany(
            "INSERT INTO uploads"
            " (upload_id, owner, state, bucket_id, filename, expires_at, changed_at, claims)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            rows,
        )
    async with by_access_file(calypso, folder) as attacked:
        yield attacked


async def made_up_keys(origin: str, _token: str) -> None:
    """Send a made-up key with every request, over many connections."""
    numbers = itertools.count()
    await flood(origin, lambda: (KEY_HEADER, f"sk-made-up-{next(numbers)}"))


async def unknown_key_ids(origin: str, _token: str) -> None:
    """Send tokens whose signing key the issuer does not have."""
    own = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    tokens = [jwt.encode({"sub": "x"}, own, "RS256", {"kid": f"unknown-{number}"}) for number in range(200)]
    turns = itertools.cycle(tokens)
    await flood(origin, lambda: ("Authorization", f"Bearer {next(turns)}"))


async def wrong_hosts(origin: str, _token: str) -> None:
    """Send requests for a server of another name."""
    await flood(origin, lambda: ("X-Nothing", "x"), host="evil.example")


async def tiny_chunks(origin: str, _token: str) -> None:
    """Send bodies of one byte a chunk."""
    await flood(origin, lambda: ("X-Nothing", "x"), sent=in_chunks(4 << 10, 1))


async def small_chunks(origin: str, _token: str) -> None:
    """Send bodies in chunks that are just large enough."""
    await flood(origin, lambda: ("X-Nothing", "x"), sent=in_chunks(256 << 10, 1 << 10))


def in_chunks(size: int, chunk: int) -> Sent:
    """Return a body of `size` bytes in chunks of `chunk` bytes."""
    block = b"%x\r\n%b\r\n" % (chunk, b" " * chunk)
    return "Transfer-Encoding: chunked", block * (size // chunk) + b"0\r\n\r\n"


async def uploads_without_end(origin: str, token: str) -> None:
    """Store one text after another, also when the quota is used up."""
    numbers = itertools.count()

    def arguments() -> dict[str, Any]:
        return {"filename": f"{next(numbers)}.txt", "text": f"{next(numbers)} " + "filler " * 7_000}

    await call_without_end(origin, token, "upload_file", arguments)


async def addresses_without_end(origin: str, token: str) -> None:
    """Ask for one upload address after another, and use none."""
    numbers = itertools.count()
    await call_without_end(origin, token, "upload_file", lambda: {"filename": f"{next(numbers)}.txt"})


async def endless_answers(origin: str, token: str) -> None:
    """Ask an agent whose answers never end."""
    await call_without_end(origin, token, "ask_agent", lambda: {"question": "Why?", "agent": "calypso-agent"})


async def call_without_end(
    origin: str, token: str, tool: str, arguments: Callable[[], dict[str, Any]]
) -> None:
    """Call a tool over and over from several clients of one caller at once."""

    async def call() -> None:
        headers = {"Authorization": f"Bearer {token}"}
        async with (
            httpx2.AsyncClient(headers=headers, timeout=60) as http,
            Client(streamable_http_client(f"{origin}/mcp", http_client=http)) as client,
        ):
            while True:
                answer = await client.call_tool(tool, arguments())
                code = str(answer.content).partition("Code: ")[2].partition("\\n")[0]
                ANSWERS[code if answer.is_error else "done"] += 1

    async with anyio.create_task_group() as tasks:
        for _ in range(CLIENTS):
            tasks.start_soon(call)


async def nothing(_origin: str, _token: str) -> None:
    """Send no attack: measures what a search takes by itself."""
    await anyio.sleep_forever()


async def flood(
    origin: str,
    credential: Callable[[], tuple[str, str]],
    *,
    host: str = "",
    sent: Sent = WHOLE,
) -> None:
    """Send requests as fast as they are answered, each with another credential.

    Args:
        origin: The server.
        credential: Makes a header's name and value.
        host: What the Host header says; by default, the server's own.
        sent: The body of every request.
    """
    framing, body = sent
    address, port = urlsplit(origin).hostname or "", urlsplit(origin).port or 0
    opening = (
        f"POST /mcp HTTP/1.1\r\nHost: {host or f'{address}:{port}'}\r\n"
        "Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n"
        f"{framing}\r\n"
    ).encode()

    async def send_without_end() -> None:
        while True:
            with contextlib.suppress(OSError, EOFError):
                reader, writer = await asyncio.open_connection(address, port)
                head = b""
                while b"connection: close" not in head:
                    name, value = credential()
                    writer.write(b"".join((opening, f"{name}: {value}\r\n\r\n".encode(), body)))
                    head = (await reader.readuntil(b"\r\n\r\n")).lower()
                    ANSWERS[head.split(b" ", 2)[1].decode()] += 1
                    length = head.partition(b"content-length:")[2].split(b"\r\n")[0]
                    await reader.readexactly(int(length or 0))
            await asyncio.sleep(0.05)  # turned away: come again

    async with anyio.create_task_group() as tasks:
        for _ in range(CONNECTIONS):
            tasks.start_soon(send_without_end)


#: Answers of the server to an attack, by status.
ANSWERS: Counter[str] = Counter()


@dataclass(frozen=True)
class Attack:
    """How callers log in at the server, and what is done to it meanwhile, given its origin and the token."""

    login: Callable[[str, Path], AbstractAsyncContextManager[Attacked]]
    run: Callable[[str, str], Coroutine[Any, Any, None]]
    #: What the Calypso behind the server does: options of `tests.support.backend_process`.
    calypso: Mapping[str, Any] = field(default_factory=dict[str, Any])


ATTACKS = {
    "nothing": Attack(by_own_key, nothing),
    "made-up keys": Attack(by_own_key, made_up_keys),
    "wrong hosts": Attack(by_own_key, wrong_hosts),
    "tiny chunks": Attack(by_own_key, tiny_chunks),
    "small chunks": Attack(by_own_key, small_chunks),
    "unknown key ids": Attack(by_oauth, unknown_key_ids),
    "uploads over a quota": Attack(by_access_file, uploads_without_end),
    "endless answers": Attack(by_access_file, endless_answers, {"endless": True}),
    "unused addresses": Attack(with_unused_addresses, addresses_without_end),
}


async def measured(attack: str, seconds: float) -> str:
    """Return the line of a table about a known caller's searches while `attack` runs."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        calypso = stack.enter_context(BackendProcess(folder / "calypso", **ATTACKS[attack].calypso))
        async with calypso.client() as api:
            uploaded = await api.upload(b"The lamp blinks red when the battery is low.")
            await api.settled(uploaded["id"])
        attacked = await stack.enter_async_context(ATTACKS[attack].login(calypso.origin, folder / "mcp"))
        http = await stack.enter_async_context(httpx2.AsyncClient(headers=attacked.login, timeout=60))
        transport = streamable_http_client(f"{attacked.origin}/mcp", http_client=http)
        client = await stack.enter_async_context(Client(transport))
        await client.call_tool("search_bucket", {"query": "lamp"})
        attacker = await anyio.open_process(
            [
                sys.executable,
                "-m",
                "tests.benchmarks.attacks",
                "--attack",
                attack,
                attacked.origin,
                attacked.token,
            ],
            stderr=None,
        )
        assert attacker.stdin is not None
        assert attacker.stdout is not None
        try:
            times, failed = await searches(client, seconds)
        finally:
            await attacker.stdin.aclose()
            answers = b"".join([block async for block in attacker.stdout]).decode()
            await attacker.wait()
    ordered = sorted(times)
    p50, p95 = ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.95)]
    cells = [
        attack,
        str(len(times)),
        str(failed),
        *(f"{1000 * entry:.0f}" for entry in (p50, p95, ordered[-1])),
    ]
    return f"| {' | '.join(cells)} | {answers.strip() or '-'} |"


async def searches(client: Client, seconds: float) -> tuple[list[float], int]:
    """Return how long each search took, in seconds, and how many failed."""
    times: list[float] = []
    failed = 0
    ends = time.perf_counter() + seconds
    while time.perf_counter() < ends:
        started = time.perf_counter()
        try:
            answer = await client.call_tool("search_bucket", {"query": "lamp"})
            failed += answer.is_error
        except Exception:  # noqa: BLE001 - whatever it was, the caller got no answer
            failed += 1
        times.append(time.perf_counter() - started)
        await anyio.sleep(PAUSE_S)
    return times, failed


async def attack_until_told(name: str, origin: str, token: str) -> None:
    """Attack until standard input ends, then print what the server answered."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ATTACKS[name].run, origin, token)
        await anyio.to_thread.run_sync(sys.stdin.read)
        tasks.cancel_scope.cancel()
    print(", ".join(f"{count} x {status}" for status, count in sorted(ANSWERS.items())))


def main() -> None:
    """Measure the attacks named, or all."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(ATTACKS))
    parser.add_argument("--seconds", type=float, default=40.0)
    parser.add_argument("--attack", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.attack:
        asyncio.run(attack_until_told(given.attack, *given.names))
        return
    print("| attack | searches | failed | median ms | p95 ms | max ms | answers to the attack |")
    print("|---|---|---|---|---|---|---|")
    for name in given.names or ATTACKS:
        print(asyncio.run(measured(name, given.seconds)), flush=True)


if __name__ == "__main__":
    main()
