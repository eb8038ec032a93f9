"""A Calypso API whose answers a test writes down: for behaviours the embedded backend never shows.

It stands in for the server, at the HTTP transport; everything of ours runs as it is.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
import httpx2

from calypso_mcp.client import CalypsoClient
from calypso_mcp.domain.callers.access import AccessGrant
from calypso_mcp.server.backend import Backend
from calypso_mcp.server.state import ServerState

Answer = Callable[[dict[str, Any]], tuple[int, dict[str, Any]] | httpx2.Response]


def bucket(slug: str, *, files: tuple[str, ...] = (), pending: int = 0, **fields: Any) -> dict[str, Any]:
    """Return a bucket as the API lists it; its id is `bucket_` and the slug."""
    return {
        "id": f"bucket_{slug}",
        "slug": slug,
        "name": slug.replace("-", " ").title(),
        "status": "active",
        "memberCount": len(files),
        "counts": {"file": len(files), "website": 1},
        "fileKnowledgeIds": list(files),
        "bucketStore": {
            "status": "active",
            "indexed_member_count": len(files) - pending,
            "pending_member_count": pending,
        },
        **fields,
    }


def agent(profile: str, *slugs: str, **fields: Any) -> dict[str, Any]:
    """Return a named agent bound to buckets made by `bucket`."""
    return {
        "id": f"calypso-agent:{profile}",
        "profile_id": profile,
        "source": "named_profile",
        "enabled": True,
        "bucket_ids": [f"bucket_{slug}" for slug in slugs],
        **fields,
    }


def file(file_id: str, *slugs: str, **fields: Any) -> dict[str, Any]:
    """Return a knowledge file that is searchable in buckets made by `bucket`."""
    return {
        "id": file_id,
        "object": "knowledge_file",
        "status": "active",
        "filename": f"{file_id}.txt",
        "bucketSyncStatus": "active",
        "bucketSync": [{"bucket_id": f"bucket_{slug}", "status": "active"} for slug in slugs],
        **fields,
    }


def hit(text: str, file_id: str | None = None, *slugs: str, **fields: Any) -> dict[str, Any]:
    """Return a search result."""
    attributes = {"bucket_ids": [f"bucket_{slug}" for slug in slugs]} if slugs else {}
    return {
        "type": "file",
        "text": text,
        "file_id": file_id,
        "filename": f"{file_id}.txt" if file_id else None,
        "attributes": {**attributes, **fields.pop("attributes", {})},
        **fields,
    }


@dataclass
class ScriptedCalypso:
    """What the API holds, and every request it got."""

    buckets: list[dict[str, Any]] = field(default_factory=list)
    agents: list[dict[str, Any]] = field(default_factory=list)
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    tasks: dict[str, dict[str, Any]] = field(default_factory=dict)
    batches: dict[str, dict[str, Any]] = field(default_factory=dict)
    #: Results of each search, by its body.
    search: Callable[[dict[str, Any]], list[dict[str, Any]]] = lambda _body: []
    #: Answers by "METHOD /path", instead of what is above.
    scripted: dict[str, Answer] = field(default_factory=dict)
    #: Requests that get no answer before they are released, by "METHOD /path".
    held: set[str] = field(default_factory=set)
    #: Set when such a request has arrived.
    reached: anyio.Event = field(default_factory=anyio.Event)
    released: anyio.Event = field(default_factory=anyio.Event)
    requests: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def asked(self, what: str) -> list[dict[str, Any]]:
        """Return the bodies of the requests "METHOD /path"."""
        return [body for request, body in self.requests if request == what]

    async def answer(self, request: httpx2.Request) -> httpx2.Response:
        """Answer one request."""
        path = request.url.path.removeprefix("/v1")
        what = f"{request.method} {path}"
        has_json = request.content and request.method != "PUT"
        body = json.loads(request.content) if has_json else dict(request.url.params)
        self.requests.append((what, body))
        if what in self.held:
            self.reached.set()
            await self.released.wait()
        if what in self.scripted:
            answer = self.scripted[what](body)
            if isinstance(answer, httpx2.Response):
                return answer
            return httpx2.Response(answer[0], json=answer[1])
        found = self._look_up(what, path, body)
        if found is None:
            error = {"code": "not_found", "message": "Nothing here.", "retryable": False}
            return httpx2.Response(404, json={"error": error, "request_id": "req_404"})
        return httpx2.Response(200, json=found)

    def _look_up(self, what: str, path: str, body: dict[str, Any]) -> dict[str, Any] | None:
        match what:
            case "GET /knowledge/buckets":
                archived = body.get("include_archived") == "true"
                listed = [entry for entry in self.buckets if archived or entry["status"] == "active"]
                return {"team_id": "team_1", "buckets": listed}
            case "GET /rag-agent/models":
                return {"object": "rag_agent_model_list", "data": self.agents}
            case "POST /search":
                return {"object": "search", "results": self.search(body)}
            case "POST /knowledge/buckets":
                made = bucket(body.get("slug") or body["name"].lower(), name=body["name"])
                self.buckets.append(made)
                return made
            case "POST /rag-agent/agents":
                made = agent(body["agent_id"]) | {"bucket_ids": body["bucket_ids"]}
                self.agents.append(made)
                return {"model": made["id"], "agent_id": body["agent_id"]}
            case _:
                folder, _, name = path.rpartition("/")
                kept = {"/knowledge/files": self.files, "/knowledge/tasks": self.tasks}
                kept["/knowledge/batches"] = self.batches
                return kept.get(folder, {}).get(name)

    @asynccontextmanager
    async def state(self, **decisions: Any) -> AsyncGenerator[ServerState]:
        """Yield the state of a server of this API, with the operator's `decisions`."""
        transport = httpx2.MockTransport(self.answer)
        async with CalypsoClient(
            base_url="https://api.calypso.test/v1", api_key="sk_scripted", transport=transport
        ) as client:
            backend = Backend.of(client, "hosted")

            def backend_for(_grant: AccessGrant) -> Backend:
                return backend

            given: dict[str, Any] = {"backend_for": backend_for, **decisions}
            yield ServerState(**given)
