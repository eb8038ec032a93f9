"""The error envelope, read and written in one place (API sheet section 7)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from calypso_mcp import errors
from calypso_mcp.domain.addresses import without_queries
from calypso_mcp.domain.json_text import parsable
from calypso_mcp.domain.json_values import as_object, is_object
from calypso_mcp.domain.retry import is_retryable_status

#: Answered as a 500, yet repeating it never helps (API sheet section 7).
UNKNOWN_PROFILE = "Unknown RAG profile"
UNKNOWN_PROFILE_HINT = "Call list_agents to see the agents you can use."

_BY_STATUS: Mapping[int, type[errors.ApiError]] = {
    400: errors.InvalidRequest,
    401: errors.AuthenticationFailed,
    403: errors.PermissionDenied,
    404: errors.NotFound,
    409: errors.Conflict,
    413: errors.TooLarge,
    422: errors.InvalidRequest,
    429: errors.RateLimited,
}

_OPERATOR = (
    "Show this message to the server's operator; the same call fails until the operator fixes the cause."
)

_HINTS: Mapping[str, str] = {
    "bucket_required": "Name a destination with the bucket argument.",
    "bucket_assignment_failed": "Check the bucket with list_buckets, or pass create_bucket=true to make it.",
    "bucket_not_found": "Call list_buckets to see the buckets you can use.",
    "bucket_slug_exists": "Use the existing bucket, or choose another slug.",
    "batch_too_large": "Send at most 100 files in one batch.",
    "duplicate_client_file_id": "Give every file of the batch its own client_file_id.",
    "agent_id_exists": "Choose another agent_id, or use the existing agent.",
    "agent_limit_reached": "Use or update an agent that exists, delete one in Calypso, or change the plan.",
    "store_gone": _OPERATOR,
    "store_damaged": _OPERATOR,
    "store_unusable": _OPERATOR,
    "storage_failed": _OPERATOR,
    "storage_full": "Make room on the disk of the data folder, then make the same call again; nothing is sent"
    " twice.",
    "disk_nearly_full": "Remove sources that are no longer needed, or ask the operator to make room on"
    " the disk or to lower --min-free-disk.",
    "url_fetch_blocked": "Calypso reads only pages of the public web. Save the page and upload it as a "
    "file; the operator of an embedded Calypso can allow a private host with --allow-private-host.",
    "url_fetch_failed": "Check the URL, and whether the site is up.",
    "website_url_exists": "The bucket has this page already, and this Calypso does not read it again: "
    "search it, or remove it first.",
    "file_too_large": "Split the file; one file may have at most 25 MB.",
}

_LONGEST_MESSAGE = 500


@dataclass(frozen=True, slots=True)
class Problem:
    """An error body of the API. `retryable` and `request_id` are None if the body does not state them."""

    code: str
    message: str
    retryable: bool | None = None
    details: Any = None
    request_id: str | None = None

    def to_wire(self) -> dict[str, Any]:
        """Return the documented envelope."""
        body: dict[str, Any] = {"code": self.code, "message": self.message, "retryable": bool(self.retryable)}
        if self.details is not None:
            body["details"] = self.details
        return {"error": body}


def read(body: bytes) -> Problem:
    """Read any of the error shapes seen in the wild.

    Raises:
        RecursionError: The body is nested too deeply.
    """
    text = parsable(body[:65_536]).decode("utf-8", errors="replace").strip()
    try:
        data: Any = json.loads(text)
    except ValueError:
        return Problem("", "" if text.startswith("<") else _short(text))
    if not is_object(data):
        return Problem("", _short(str(data)))
    found = data.get("request_id")
    request_id = found if isinstance(found, str) else None
    error = data.get("error")
    if is_object(error):
        retryable = error.get("retryable")
        return Problem(
            code=str(error.get("code") or ""),
            message=_short(str(error.get("message") or "")),
            retryable=retryable if isinstance(retryable, bool) else None,
            details=error.get("details"),
            request_id=request_id,
        )
    stated = error or data.get("message") or data.get("detail")
    if not stated:
        return Problem("", "", request_id=request_id)
    message = stated if isinstance(stated, str) else json.dumps(stated)
    return Problem(str(data.get("code") or ""), _short(message), request_id=request_id)


def to_error(
    status: int, body: bytes, *, request_id: str | None = None, retry_after_s: float | None = None
) -> errors.ApiError:
    """Return the error for an answer with this status and body."""
    try:
        problem = read(body)
    except RecursionError:
        problem = Problem("", "")
    is_fault = status >= HTTPStatus.INTERNAL_SERVER_ERROR
    kind = _BY_STATUS.get(status) or (errors.ServerError if is_fault else errors.ApiError)
    is_unknown_agent = UNKNOWN_PROFILE in problem.message
    retryable = problem.retryable
    if is_unknown_agent:
        retryable = False
    elif status == HTTPStatus.REQUEST_TIMEOUT:
        retryable = True
    elif not is_retryable_status(status):
        retryable = problem.retryable is True  # such as `url_fetch_failed`, while the site is down
    # The kinds of the usual statuses say by themselves what happened.
    unusual = f"The Calypso API refused the request (status {status})." if kind is errors.ApiError else ""
    error = kind(
        problem.message or unusual,
        code=problem.code,
        hint=UNKNOWN_PROFILE_HINT if is_unknown_agent else _HINTS.get(problem.code, ""),
        retryable=retryable,
        request_id=request_id or problem.request_id,
        retry_after_s=retry_after_s,
        ids=_ids(problem.details),
    )
    error.status = status
    return error


def _ids(details: Any) -> dict[str, str]:
    """Return the id of the file that replaced the requested one, if the details name it."""
    successor = as_object(details).get("replaced_by")
    return {"replaced_by": successor} if isinstance(successor, str) else {}


def _short(stated: str) -> str:
    text = without_queries(stated)
    return text if len(text) <= _LONGEST_MESSAGE else text[:_LONGEST_MESSAGE] + "…"
