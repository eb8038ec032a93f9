"""The OpenAPI 3.1 description of the embedded API, made from its operations and how they answer.

The tests compare the API's answers with it, and make hostile requests from it.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from pydantic import TypeAdapter
from pydantic.json_schema import JsonSchemaMode
from typing_extensions import TypedDict

from calypso_mcp import __version__
from calypso_mcp.api.connection import mark
from calypso_mcp.local.http.exchange import IDEMPOTENCY_KEY_CHARS
from calypso_mcp.local.http.operations import Operation
from calypso_mcp.local.uploads.admission import UPLOAD_PATH
from tests.support.operation_answers import ANSWERS, BYTES, PICTURE, Answers

_JSON: Final = "application/json"
_TEXT: Final = "text/plain"
_REF: Final = "#/components/schemas/{model}"
#: Of every operation: a request not as described, a wrong key, a store that is busy or damaged.
_ALWAYS: Final = (400, 401, 503)
#: Where a docstring says which page a rule comes from, which is of no use to a caller.
_ORIGIN: Final = re.compile(r" \((?:API sheet|seed)[^)]*\)")
#: Operations that continue from an answer, each with its parameters and the place of their values there.
_Steps = Mapping[str, Mapping[str, str]]


class ErrorFields(TypedDict):
    """Why a request is refused. `retryable` says whether the same request may succeed later."""

    code: str
    message: str
    retryable: bool


class ErrorBody(TypedDict):
    """The envelope of every error."""

    error: ErrorFields
    request_id: str


def build_document(operations: Sequence[Operation]) -> dict[str, Any]:
    """Return the description of `operations` and of upload addresses, as a JSON object."""
    shapes = _Shapes(operations)
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(f"/v1{operation.path}", {})[operation.method.lower()] = _described(operation, shapes)
    paths[UPLOAD_PATH] = _upload_address()
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Calypso knowledge API, embedded",
            "version": __version__,
            "description": "The REST API of Calypso Buckets on one machine's disk. Operations and fields with"
            " x-calypso-extension go beyond the published API; `GET /connection` announces them.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "security": [{"apiKey": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "apiKey": {"type": "http", "scheme": "bearer", "description": "A project API key."}
            },
            "headers": {
                name: {"description": text, "schema": {"type": "string"}} for name, text in _HEADERS.items()
            },
            "schemas": shapes.definitions,
        },
    }


class _Shapes:
    """The schemas of all bodies, each model once under `components`."""

    def __init__(self, operations: Sequence[Operation]) -> None:
        asked = (operation.asks for operation in operations if operation.asks is not None)
        answered = (
            shape
            for operation in operations
            for shapes in _answers(operation).shapes.values()
            for shape in shapes
            if not isinstance(shape, str)
        )
        inputs: list[tuple[Any, JsonSchemaMode, TypeAdapter[Any]]] = [
            *((shape, "validation", TypeAdapter(shape)) for shape in dict.fromkeys(asked)),
            *(
                (shape, "serialization", TypeAdapter(shape))
                for shape in dict.fromkeys([*answered, ErrorBody])
            ),
        ]
        self._schemas, joined = TypeAdapter.json_schemas(inputs, by_alias=True, ref_template=_REF)
        self._all: dict[str, Any] = json.loads(_ORIGIN.sub("", json.dumps(joined["$defs"])))
        queries = {
            operation.asks.__name__ for operation in operations if operation.asks and not operation.has_body
        }
        self.definitions = {name: shape for name, shape in self._all.items() if name not in queries}

    def asked(self, shape: Any) -> dict[str, Any]:
        """Return the schema of what a request holds."""
        return self._schemas[shape, "validation"]

    def answered(self, shape: Any) -> dict[str, Any]:
        """Return the schema of what an answer holds."""
        return self._schemas[shape, "serialization"]

    def fields(self, shape: Any) -> Iterator[tuple[str, dict[str, Any], bool]]:
        """Yield name, schema and necessity of each field of a query."""
        schema = self._all[self.asked(shape)["$ref"].rpartition("/")[2]]
        for name, field in schema.get("properties", {}).items():
            yield name, _given(field), name in schema.get("required", ())


def _given(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a field that is given: a query string cannot say null."""
    options = [option for option in schema.get("anyOf", ()) if option != {"type": "null"}]
    rest = {name: value for name, value in schema.items() if name not in {"anyOf", "default"}}
    default = {"default": schema["default"]} if schema.get("default") is not None else {}
    return {**rest, **(options[0] if len(options) == 1 else {}), **default}


def _answers(operation: Operation) -> Answers:
    return ANSWERS[operation.handler.__name__]


def _described(operation: Operation, shapes: _Shapes) -> dict[str, Any]:
    own = _answers(operation)
    summary, _, more = (inspect.getdoc(operation.handler) or "").partition("\n\n")
    refusals = {*_ALWAYS, *own.refuses, *((413,) if operation.has_body else ())}
    refusals |= {507} if operation.grows else set()
    answers = {str(status): _answer(status, operation, shapes) for status in own.shapes}
    answers |= {str(status): _refusal(status, shapes) for status in sorted(refusals)}
    if own.takes_range:
        answers["400"]["content"][_TEXT] = {"schema": {"type": "string"}}
        answers["416"] = _plain("The range lies outside the bytes.", "Content-Range")
    described: dict[str, Any] = {
        "operationId": operation.handler.__name__,
        "summary": summary,
        **({"description": more} if more else {}),
        "parameters": list(_parameters(operation, shapes)),
        "responses": answers,
    }
    if operation.has_body:
        schema = shapes.asked(operation.asks)
        needed = bool(shapes.definitions[schema["$ref"].rpartition("/")[2]].get("required"))
        described["requestBody"] = {"required": needed, "content": {_JSON: {"schema": schema}}}
    return described | (mark(own.extension) if own.extension else {})


def _parameters(operation: Operation, shapes: _Shapes) -> Iterator[dict[str, Any]]:
    for name in re.findall(r"{(\w+)}", operation.path):
        yield {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
    if operation.asks is not None and not operation.has_body:
        for name, schema, is_needed in shapes.fields(operation.asks):
            yield {"name": name, "in": "query", "required": is_needed, "schema": schema}
    if _answers(operation).takes_key:
        yield _header(
            "Idempotency-Key",
            "A repeated request with the same key answers with what the first one made.",
            {"type": "string", "minLength": 1, "maxLength": IDEMPOTENCY_KEY_CHARS},
        )
    if _answers(operation).takes_range:
        yield _header("Range", "The part of the bytes that is wanted.", {"type": "string"})


def _header(name: str, description: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "header", "description": description, "schema": schema}


def _answer(status: int, operation: Operation, shapes: _Shapes) -> dict[str, Any]:
    own = _answers(operation)
    content = {
        shape if isinstance(shape, str) else _JSON: {"schema": _body(shape, shapes)}
        for shape in own.shapes[status]
    }
    headers = ["X-Request-Id"]
    if status == HTTPStatus.CREATED:
        headers.append("Idempotency-Replayed")
    if own.takes_range:
        headers.append("Accept-Ranges")
    if status == HTTPStatus.PARTIAL_CONTENT:
        headers.append("Content-Range")
    links = links_from(operation.handler.__name__)
    return {
        "description": HTTPStatus(status).phrase,
        "headers": _named(headers),
        "content": content,
        **({"links": links} if links else {}),
    }


def _body(shape: Any, shapes: _Shapes) -> dict[str, Any]:
    if shape in {BYTES, PICTURE}:
        return {}
    return {"type": "string"} if isinstance(shape, str) else shapes.answered(shape)


def _refusal(status: int, shapes: _Shapes) -> dict[str, Any]:
    headers = ["X-Request-Id"]
    if status == HTTPStatus.UNAUTHORIZED:
        headers.append("WWW-Authenticate")
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        headers.append("Retry-After")
    content = {_JSON: {"schema": shapes.answered(ErrorBody)}}
    return {"description": HTTPStatus(status).phrase, "headers": _named(headers), "content": content}


def _named(headers: Sequence[str]) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in headers}


def _plain(description: str, *headers: str) -> dict[str, Any]:
    content = {_TEXT: {"schema": {"type": "string"}}}
    return {"description": description, "headers": _named(headers), "content": content}


_HEADERS: Final = {
    "X-Request-Id": "Names the request in the backend's log.",
    "Idempotency-Replayed": "`true` where the answer is of an earlier request.",
    "Retry-After": "Seconds to wait before the next try.",
    "WWW-Authenticate": "How to authenticate.",
    "Accept-Ranges": "`bytes`.",
    "Content-Range": "The part that is in the body.",
    "Range": "The bytes that are stored, from the first one on; absent where there are none.",
}


def _upload_address() -> dict[str, Any]:
    """Return the path item of upload addresses, which speak the resumable protocol of GCS."""
    ends = {
        "404": _plain("There is no upload at this address."),
        "410": _plain("The address has expired. Create the session again for a new one."),
        "503": _plain(
            "Ask for the offset with `Content-Range: bytes */*` and go on from there.", "Retry-After"
        ),
        "507": _plain("The disk is full."),
    }
    return {
        "parameters": [
            {"name": "secret", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        ],
        "put": {
            "operationId": "send_bytes",
            "summary": "Send the bytes of an upload session, whole or in parts, or ask how many are stored.",
            "security": [],
            "parameters": [
                _header(
                    "Content-Range",
                    "`bytes FIRST-LAST/TOTAL` for a part, `bytes */TOTAL` to ask; absent for the whole.",
                    {"type": "string"},
                ),
                _header("X-Goog-Hash", "`md5=` or `crc32c=` of the whole object.", {"type": "string"}),
            ],
            "requestBody": {"required": False, "content": {BYTES: {"schema": {}}}},
            "responses": {
                "200": {
                    "description": "All bytes are stored.",
                    "content": {_JSON: {"schema": {"type": "object"}}},
                },
                "308": {"description": "More bytes are expected.", "headers": _named(["Range"])},
                "400": _plain("The bytes do not match the session; nothing was kept."),
                **ends,
            },
        },
        "delete": {
            "operationId": "cancel_upload",
            "summary": "Cancel an upload.",
            "security": [],
            "responses": {
                "400": _plain("All bytes have arrived."),
                "499": _plain("The upload was cancelled."),
                **ends,
            },
        },
    }


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
