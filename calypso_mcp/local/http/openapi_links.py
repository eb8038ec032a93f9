"""The links of the OpenAPI description: which operations continue from the answer of another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

#: Operations that continue, each with its parameters and the place of their values in the answer.
_Steps = Mapping[str, Mapping[str, str]]


def _of_file(file_id: str, task_id: str) -> dict[str, Mapping[str, str]]:
    """Return the operations that continue with a new file, given the places of its id and its task's."""
    file_operations = ("get_file", "read_text", "read_content", "relabel", "remove")
    on_file = {operation: {"path.file_id": file_id} for operation in file_operations}
    return {**on_file, "get_task": {"path.task_id": task_id}}


_OF_FETCHED: Final[_Steps] = _of_file("/knowledge_id", "/task_id")
_OF_BATCH: Final[_Steps] = {
    "send_bytes": {},
    "finalize_batch": {"path.batch_id": "/batch_id"},
    "get_batch": {"path.batch_id": "/batch_id"},
}
LINKS: Final[Mapping[str, _Steps]] = {
    "create_bucket": {"list_sources": {"query.bucket": "/id"}},
    "create_session": {"send_bytes": {}, "finalize_session": {"path.session_id": "/session_id"}},
    "finalize_session": _of_file("/id", "/task/id"),
    "create_batch": _OF_BATCH,
    "finalize_batch": {"get_batch": {"path.batch_id": "/batch_id"}},
    "import_url": _OF_FETCHED,
    "add_website": _OF_FETCHED,
    "add_qa": _OF_FETCHED,
    "get_task": {"get_file": {"path.file_id": "/knowledge_id"}},
    "create_agent": {"update_agent": {"path.agent_id": "/agent_id"}},
}
#: Operations whose address is part of the answer rather than made from parameters.
_DESCRIPTIONS: Final = {"send_bytes": "PUT the bytes to `upload_url` as it is."}


def links_from(operation_id: str) -> dict[str, dict[str, Any]]:
    """Return the links of an operation's successful answer, by the operation that each leads to."""
    return {
        name: {
            "operationId": name,
            **({"description": _DESCRIPTIONS[name]} if name in _DESCRIPTIONS else {}),
            "parameters": {parameter: f"$response.body#{place}" for parameter, place in parameters.items()},
        }
        for name, parameters in LINKS.get(operation_id, {}).items()
    }
