"""OpenAI-compatible endpoints of models: how they are connected to, and what their refusals mean.

`writing` and `semantic` decide what to ask a model and how to read its answer.
"""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import urlsplit

import httpx2

from calypso_mcp.domain.addresses import is_loopback

_CONNECT_S = 10.0
_MEANINGS: dict[int, str] = {
    HTTPStatus.UNAUTHORIZED: "does not accept the key",
    HTTPStatus.FORBIDDEN: "does not let the key use the model",
    HTTPStatus.NOT_FOUND: "does not know the address or the model",
    HTTPStatus.TOO_MANY_REQUESTS: "asks for a pause",
}


def open_model_client(url: str, key: str) -> httpx2.AsyncClient:
    """Return a client for the endpoint at `url`, which was checked: `key` goes there unless it is empty.

    It waits 10 seconds for a connection and without limit for an answer: its user sets the deadline.
    """
    return httpx2.AsyncClient(
        timeout=httpx2.Timeout(None, connect=_CONNECT_S),
        headers={"Accept-Encoding": "identity", **({"Authorization": f"Bearer {key}"} if key else {})},
        follow_redirects=False,
        # A proxy from the environment has no business between two programs of this machine.
        trust_env=not is_loopback(urlsplit(url).hostname or ""),
    )


def explain_refusal(response: httpx2.Response) -> str:
    """Return what the endpoint does, as the predicate of a sentence: "does not accept the key (401)"."""
    if response.is_redirect:
        meaning = "answers with a redirect, which is not followed because it would pass on texts and key"
    else:
        meaning = _MEANINGS.get(response.status_code, "answers with an error")
    return f"{meaning} ({response.status_code})"
