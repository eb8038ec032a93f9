"""Buckets of the embedded Calypso are taken to another one: everything, once, and checked afterwards."""

from __future__ import annotations

import asyncio
import hashlib
import json
import signal
import subprocess
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from tests.commands.processes import LIMIT_S, run, running
from tests.support.live_backend import (
    API_KEY,
    Api,
    LocalOptions,
    in_process,
    options_for,
    over_socket,
    serving,
)
from tests.support.web_site import NameServer, Wire, name_server, page, policy, site

PUBLIC = "93.184.215.14"
URL = "http://help.test/guide/returns"
PAGE = "<!doctype html><title>Returns</title><main><h1>Returns</h1><p>Send it back within 30 days.</p></main>"
LEAVE = b"# Leave\n\nEvery employee has 27 days of annual leave.\n"


@pytest.fixture
def names() -> Generator[NameServer]:
    with name_server({"help.test": [[PUBLIC]]}) as server:
        yield server


@pytest.fixture
def there(tmp_path: Path) -> LocalOptions:
    return options_for(tmp_path / "there")


@pytest.fixture
def origin(there: LocalOptions) -> Generator[str]:
    with serving(there) as address:
        yield address


def move(data: Path, origin: str, *flags: str, limit_s: float = LIMIT_S) -> subprocess.CompletedProcess[str]:
    environ = {"CALYPSO_API_KEY": API_KEY}
    return run("move", *flags, *_place(data, origin), environ=environ, limit_s=limit_s)


def _place(data: Path, origin: str) -> tuple[str, ...]:
    return ("--to", "hosted", "--data-dir", str(data), "--api-base-url", f"{origin}/v1")


async def _fill(data: Path, names: NameServer) -> None:
    """Put one source of every kind, with every label, into two buckets, and bind agents to them."""
    async with site({"/guide/returns": page(PAGE)}) as served:
        options = options_for(data, web=policy(Wire(served.port), names))
        async with in_process(options) as api:
            await api.post(
                "/knowledge/buckets", {"name": "Human Resources", "slug": "hr", "description": "All"}
            )
            for path in ("de/leave.md", "fr/leave.md"):
                made = await api.upload(
                    LEAVE + path.encode(),
                    "hr",
                    filename="leave.md",
                    path=path,
                    if_exists="replace",
                    title=f"Leave, {path}",
                    tags=["hr", "2026"],
                    metadata={"owner": "Ann"},
                )
                await api.settled(made["id"])
            question = {"question": "May I bring my dog?", "answer": "Only on Fridays.", "tags": ["dogs"]}
            for endpoint, body in (("qa", question), ("websites", {"url": URL})):
                answer = await api.post(f"/knowledge/{endpoint}", {**body, "bucket": "hr"})
                assert answer.status_code == 201, answer.text
                await api.settled(answer.json()["knowledge_id"])
            await api.settled((await api.upload(b"The canteen opens at eleven.", "canteen"))["id"])
            agent = {"agent_id": "people", "name": "People", "instructions": "Be brief."}
            await api.post("/rag-agent/agents", {**agent, "bucket_slugs": ["hr"]})
            await api.post("/rag-agent/agents", {"agent_id": "both", "bucket_slugs": ["hr", "canteen"]})


async def _ask(options: LocalOptions, ask: Callable[[Api], Any]) -> Any:
    async with over_socket(options) as api:
        return await ask(api)


def asked(options: LocalOptions, ask: Callable[[Api], Any]) -> Any:
    """Return what a second process on the same data folder says."""
    return asyncio.run(_ask(options, ask))


async def _sources(api: Api) -> dict[str, dict[str, Any]]:
    listed = (await api.get("/knowledge/sources", bucket="hr")).json()["sources"]
    return {source["name"]: source for source in listed}


async def _agents(api: Api) -> dict[str, dict[str, Any]]:
    listed = (await api.get("/rag-agent/models")).json()["data"]
    return {agent["profile_id"]: agent for agent in listed if agent["profile_id"]}


async def _bucket_facts(api: Api) -> list[tuple[str, str, str | None, int]]:
    listed = (await api.get("/knowledge/buckets")).json()["buckets"]
    return [(entry["slug"], entry["name"], entry["description"], entry["memberCount"]) for entry in listed]


def _check_labels(held: dict[str, dict[str, Any]]) -> None:
    """Check what the sources that `_fill` puts into the first bucket are called on the other side."""
    assert held["fr/leave.md"]["kind"] == held["de/leave.md"]["kind"] == "file"
    leave = held["de/leave.md"]
    assert leave["sha256"] == hashlib.sha256(LEAVE + b"de/leave.md").hexdigest()
    assert (leave["title"], leave["tags"]) == ("Leave, de/leave.md", ["hr", "2026"])
    assert leave["metadata"]["owner"] == "Ann"
    [page_there] = [source for source in held.values() if source["title"] == "Returns"]
    assert (page_there["metadata"]["url"], page_there["identity"]) == (URL, URL)
    [pair] = [source for source in held.values() if source["kind"] == "qa"]
    assert (pair["title"], pair["tags"]) == ("May I bring my dog?", ["dogs"])


def test_everything_arrives_with_its_labels_once(
    tmp_path: Path, names: NameServer, there: LocalOptions, origin: str
) -> None:
    data = tmp_path / "here"
    asyncio.run(_fill(data, names))

    looked = move(data, origin, "--dry-run", "hr")
    assert looked.returncode == 0, looked.stderr
    for said in ("new", "Web pages (1) become files", "The agent both stays"):
        assert said in looked.stdout
    assert asked(there, _bucket_facts) == []

    moved = move(data, origin, "hr", "--json")
    assert moved.returncode == 0, moved.stdout + moved.stderr
    result = json.loads(moved.stdout)
    [bucket] = result["buckets"]
    assert (bucket["sources"], bucket["uploaded"], bucket["searchable"]) == (4, 4, 4)
    assert bucket["searches"] == bucket["searches_found"] == 4
    assert result["agents"] == [{"agent": "people", "outcome": "made"}]
    assert asked(there, _bucket_facts) == [("hr", "Human Resources", "All", 4)]

    _check_labels(asked(there, _sources))
    agent = asked(there, _agents)["people"]
    assert (agent["name"], agent["instructions"]) == ("People", "Be brief.")

    again = json.loads(move(data, origin, "hr", "--json").stdout)
    assert (again["buckets"][0]["uploaded"], again["buckets"][0]["already_there"]) == (0, 4)
    assert again["agents"] == [{"agent": "people", "outcome": "there already"}]

    rest = move(data, origin)
    assert rest.returncode == 0, rest.stdout + rest.stderr
    assert {slug: count for slug, _, _, count in asked(there, _bucket_facts)} == {"hr": 4, "canteen": 1}
    assert set(asked(there, _agents)) == {"people", "both"}


async def _fill_with_many(data: Path, count: int) -> None:
    async with in_process(options_for(data)) as api:
        for number in range(count):
            text = f"# Note {number}\n\nThe code word of note {number} is w{number}.\n".encode()
            await api.upload(text, "notes", filename=f"note-{number:03}.md")
        await api.until(
            lambda: api.get("/knowledge/buckets"),
            lambda body: body["buckets"][0]["bucketStore"]["status"] == "active",
        )


def move_with_an_interruption(folder: Path, there: LocalOptions, origin: str, count: int) -> None:
    """Move a bucket of `count` sources, killed on the way and started again; all of them arrive, once."""
    data = folder / "here"
    asyncio.run(_fill_with_many(data, count))

    async def some_have_arrived(api: Api) -> None:
        await api.until(
            lambda: api.get("/knowledge/buckets"),
            lambda body: any(bucket["memberCount"] for bucket in body["buckets"]),
        )

    with running("move", *_place(data, origin), environ={"CALYPSO_API_KEY": API_KEY}) as process:
        asked(there, some_have_arrived)
        assert process.poll() is None
        process.kill()
        process.wait(20)

    moved = move(data, origin, "--json", limit_s=count)
    assert moved.returncode == 0, moved.stdout + moved.stderr
    [bucket] = json.loads(moved.stdout)["buckets"]
    assert (bucket["uploaded"] + bucket["already_there"], bucket["searchable"]) == (count, count)
    assert bucket["already_there"] > 0
    [(_, _, _, held)] = asked(there, _bucket_facts)
    assert held == count


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no such signal")
def test_a_move_that_was_killed_goes_on_and_sends_everything_once(
    tmp_path: Path, there: LocalOptions, origin: str
) -> None:
    move_with_an_interruption(tmp_path, there, origin, count=250)


@pytest.mark.parametrize(
    ("flags", "key", "words"),
    [
        ((), "", "needs an API key"),
        (("nowhere",), API_KEY, "no bucket 'nowhere'"),
        ((), "sk_wrong_0123456789", "key"),
    ],
    ids=["no key", "no bucket", "a wrong key"],
)
def test_what_cannot_be_moved_says_why(
    tmp_path: Path, origin: str, flags: tuple[str, ...], key: str, words: str
) -> None:
    refused = run("move", *flags, *_place(tmp_path / "here", origin), environ={"CALYPSO_API_KEY": key})
    assert refused.returncode == (1 if key else 2), refused.stderr
    assert words in refused.stderr


def test_a_store_is_not_moved_into_itself(tmp_path: Path) -> None:
    data = tmp_path / "here"
    asyncio.run(_fill_with_many(data, 1))
    with serving(options_for(data)) as origin:
        refused = move(data, origin)
    assert refused.returncode == 2
    assert "same store" in refused.stderr
