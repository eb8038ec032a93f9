"""The documented bodies, word for word: `golden/` holds them with ids, times and addresses left open.

A body that changes on purpose is changed there by hand, next to the page of the API sheet that says so.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from tests.support.live_backend import Api

GOLDEN = Path(__file__).parent / "golden"
BATCHES = "/knowledge/files:batch/upload-session"
TEXT = b"# Refunds\n\nRefunds are paid within fourteen days.\n"
_OPEN = (
    (re.compile(r"(req|sess|file|task|batch|bucket|resp|msg|conv)_[0-9a-f]{24}"), r"<\1>"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z"), "<time>"),
    (re.compile(r"https?://[^/]+/upload/[\w-]{43}"), "<upload_url>"),
)


def left_open(value: Any) -> Any:
    """Return a body with what differs from run to run replaced by its kind."""
    if isinstance(value, dict):
        return {key: "<score>" if key == "score" else left_open(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [left_open(entry) for entry in value]
    if isinstance(value, str):
        for pattern, kind in _OPEN:
            value = pattern.sub(kind, value)
    return value


def is_golden(name: str, body: Any) -> None:
    assert left_open(body) == json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))


async def test_bodies_of_a_single_upload(api: Api) -> None:
    session = await api.session(
        TEXT, "contracts", title="Refunds", tags=["legal"], metadata={"external_id": "crm_123"}
    )
    is_golden("upload_session", session)
    await api.put(session["upload_url"], TEXT)
    queued = (await api.finalize(session["session_id"])).json()
    is_golden("finalized_file", queued)
    is_golden("active_file", await api.settled(queued["id"]))
    is_golden("task", (await api.get(f"/knowledge/tasks/{queued['task']['id']}")).json())
    is_golden("buckets", (await api.get("/knowledge/buckets")).json())
    is_golden("search", (await api.post("/search", {"query": "refunds", "buckets": ["contracts"]})).json())
    asked = {"model": "calypso-agent", "input": "When are refunds paid?"}
    answer = (await api.post("/responses", asked)).json()
    # Seconds since 1970 here, other than in the bodies of files.
    assert isinstance(answer.pop("created_at"), int)
    is_golden("answer", answer)


async def test_bodies_of_a_batch(api: Api) -> None:
    names = ("good", "late", "empty")
    items = [{"client_file_id": name, "filename": f"{name}.md"} for name in names]
    sizes = {"good": len(TEXT), "late": 5, "empty": 0}
    files = [
        {**item, "content_type": "text/markdown", "size_bytes": sizes[name]}
        for item, name in zip(items, names, strict=True)
    ]
    shared = {"bucket": "rag1", "create_missing_buckets": True}
    manifest = {"version": 1, "batch_idempotency_key": "local-batch-001", **shared, "items": items}
    created = (await api.post(BATCHES, {"manifest": manifest, "files": files})).json()
    is_golden("batch_session", created)
    await api.put(created["accepted"][0]["upload_url"], TEXT)
    finalize = f"{BATCHES}/{created['batch_id']}/finalize"
    is_golden("batch_finalized", (await api.post(finalize, {"mode": "finalize_uploaded"})).json())
    is_golden("batch_replayed", (await api.post(finalize, {"mode": "finalize_uploaded"})).json())
    batch = await api.until(
        lambda: api.get(f"/knowledge/batches/{created['batch_id']}", include_items="true"),
        lambda body: body["active"] == 1,
    )
    is_golden("batch", batch)


async def test_bodies_of_buckets_and_agents(api: Api) -> None:
    is_golden("connection", (await api.get("/connection")).json())
    is_golden("bucket", (await api.post("/knowledge/buckets", {"name": "Support Handbook"})).json())
    body = {"agent_id": "support", "bucket_slugs": ["support-handbook"]}
    is_golden("agent", (await api.post("/rag-agent/agents", body)).json())
    is_golden("models", (await api.get("/rag-agent/models")).json())
    is_golden(
        "error",
        (await api.post("/knowledge/files/upload-session", {"filename": "a", "size_bytes": 1})).json(),
    )
