"""Streamed answers of an agent, as a hosted API may send them."""

from __future__ import annotations

import json
from typing import Any

import httpx2

STREAM = {"content-type": "text/event-stream; charset=utf-8"}


def event(kind: str, **fields: Any) -> str:
    """Return one server-sent event."""
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n"


def delta(text: str) -> str:
    """Return the event of a piece of text."""
    return event("response.output_text.delta", delta=text)


def completed(response_id: str = "resp_1", **fields: Any) -> str:
    """Return the event that ends an answer well."""
    return event("response.completed", response={"id": response_id, "status": "completed", **fields})


def streamed(*events: str) -> httpx2.Response:
    """Return a response that streams `events`."""
    return httpx2.Response(200, headers=STREAM, content="".join(events).encode())


def grounded(*sources: dict[str, Any], text: str = "") -> dict[str, Any]:
    """Return the fields of an answer that rests on `sources`."""
    aicore = {"grounded_sources": list(sources), **({"display_text": text} if text else {})}
    return {"metadata": {"_aicore": aicore}}


def source(file_id: str | None, snippet: str = "a passage", **fields: Any) -> dict[str, Any]:
    """Return a source as the API names it."""
    return {"label": f"Title of {file_id}", "knowledge_id": file_id, "snippet": snippet, **fields}
