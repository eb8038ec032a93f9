"""Whether answers are what the API's description says of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import Any

import httpx2
from jsonschema import Draft202012Validator
from starlette.routing import compile_path

from calypso_mcp.local.app import OPERATIONS
from tests.support.openapi import build_document

#: Bodies of long lists take long to check, and say nothing that short ones do not.
_LARGEST_BODY = 50_000


@lru_cache(maxsize=1)
def document() -> dict[str, Any]:
    """Return the description of the API."""
    return build_document(OPERATIONS)


def mismatches(answer: httpx2.Response) -> Iterator[str]:
    """Yield what the description does not say of an answer of one of its operations.

    Answers at upload addresses have tests of their own.
    """
    if answer.request.url.path.startswith("/upload/"):
        return
    operation = _operation(answer.request.method, answer.request.url.path)
    if operation is None:
        return
    name, described = operation
    content = described["responses"].get(str(answer.status_code))
    if content is None:
        yield f"{name} answers {answer.status_code}, which is not described"
        return
    media_type = answer.headers.get("content-type", "").partition(";")[0]
    if media_type not in content["content"]:
        yield f"{name} answers {answer.status_code} with {media_type}, which is not described"
    elif media_type == "application/json" and len(answer.content) < _LARGEST_BODY:
        for error in _validator(name, answer.status_code).iter_errors(json.loads(answer.content)):
            yield f"{name} {answer.status_code}: {error.json_path} {error.message[:300]}"


@lru_cache(maxsize=1_000)
def _operation(method: str, path: str) -> tuple[str, dict[str, Any]] | None:
    for template, item in sorted(document()["paths"].items(), key=lambda entry: entry[0].count("{")):
        pattern, _, _ = compile_path(template)
        if method.lower() in item and pattern.match(path):
            return f"{method} {template}", item[method.lower()]
    return None


@cache
def _validator(name: str, status: int) -> Draft202012Validator:
    method, _, template = name.partition(" ")
    described = document()["paths"][template][method.lower()]["responses"][str(status)]
    schema = described["content"]["application/json"]["schema"]
    return Draft202012Validator({**schema, "components": document()["components"]})
