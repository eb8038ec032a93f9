"""The description of the API covers all of it, and the API keeps to it.

That every answer of the other tests here is as described is checked in `tests.support.live_backend`.
"""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, NoReturn

import httpx2
import pytest
from jsonschema import Draft202012Validator
from starlette.routing import BaseRoute, Mount, Route

from calypso_mcp.api.connection import Extension
from calypso_mcp.local.app import open_backend
from calypso_mcp.local.options import LocalOptions
from calypso_mcp.local.refusals import failed
from calypso_mcp.local.web.policy import WebPolicy
from tests.support.described_api import document, mismatches
from tests.support.live_backend import API_KEY, Api, in_process, options_for, serving
from tests.support.openapi import LINKS

#: Rules that no schema can hold are answered with 400: a bucket must exist, a URL must be public.
_CHECKS = "--exclude-checks=positive_data_acceptance"


def _routes(routes: list[BaseRoute], below: str = "") -> set[tuple[str, str]]:
    found: set[tuple[str, str]] = set()
    for route in routes:
        if isinstance(route, Mount):
            found |= _routes(list(route.routes), below + route.path)
        elif isinstance(route, Route):
            found |= {(method, below + route.path) for method in route.methods or ()}
    return found


async def test_every_route_is_described(tmp_path: Path) -> None:
    async with open_backend(options_for(tmp_path)) as app:
        served = _routes(app.routes)
    described = {
        (method.upper(), path)
        for path, item in document()["paths"].items()
        for method in item
        if method != "parameters"
    }
    assert {route for route in served if route[0] not in {"HEAD", "OPTIONS"}} == described


def test_every_extension_is_marked() -> None:
    marked: set[str] = set()

    def visit(part: Any) -> None:
        if isinstance(part, dict):
            marked.update({part["x-calypso-extension"]} if "x-calypso-extension" in part else ())
        for entry in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
            visit(entry)

    visit(document())
    assert marked == set(Extension)


def test_schemas_are_valid_and_speak_for_themselves() -> None:
    for name, schema in document()["components"]["schemas"].items():
        Draft202012Validator.check_schema(schema)
        text = schema.get("description", "")
        assert "API sheet" not in text, name
        assert "(seed" not in text, name


def _operations() -> dict[str, dict[str, Any]]:
    described: list[dict[str, Any]] = [
        {**entry, "parameters": [*item.get("parameters", ()), *entry.get("parameters", ())]}
        for item in document()["paths"].values()
        for method, entry in item.items()
        if method != "parameters"
    ]
    return {entry["operationId"]: entry for entry in described}


@pytest.mark.parametrize("name", LINKS)
def test_links_lead_from_what_is_answered_to_what_is_asked(name: str) -> None:
    operations, schemas = _operations(), document()["components"]["schemas"]
    [answer] = [response for response in operations[name]["responses"].values() if "links" in response]
    body = schemas[answer["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]]
    for target, link in answer["links"].items():
        asked = {f"{parameter['in']}.{parameter['name']}" for parameter in operations[target]["parameters"]}
        assert asked >= link["parameters"].keys()
        for place in link["parameters"].values():
            assert place.removeprefix("$response.body#/").partition("/")[0] in body["properties"]


async def test_a_wrong_method_is_answered_with_all_right_ones(api: Api) -> None:
    answer = await api.http.put("/knowledge/buckets")
    assert answer.status_code == 405
    assert set(re.split(", *", answer.headers["allow"])) == {"GET", "HEAD", "POST"}
    imported = await api.http.put("/knowledge/files/import-url")
    assert imported.headers["allow"] == "POST"


@pytest.mark.parametrize(
    ("status", "body"),
    [(418, {}), (200, {"buckets": []}), (200, {"team_id": "team", "buckets": [{"id": 1}]})],
    ids=["another status", "a missing field", "a wrong type"],
)
def test_an_answer_that_is_not_as_described_is_found(status: int, body: Any) -> None:
    request = httpx2.Request("GET", "http://host/v1/knowledge/buckets")
    assert list(mismatches(httpx2.Response(status, json=body, request=request)))


async def _find_no_host(host: str) -> NoReturn:
    raise failed(f"The host {host!r} cannot be found.")


async def _upload_one(options: LocalOptions) -> dict[str, Any]:
    async with in_process(options) as api:
        return await api.settled((await api.upload(b"# Fees\n\nThe fee is 12 euros.\n"))["id"])


def test_hostile_requests_are_answered_as_described(tmp_path: Path) -> None:
    options = options_for(tmp_path / "data", web=WebPolicy(resolve=_find_no_host))
    file = asyncio.run(_upload_one(options))
    with serving(options) as origin:
        (tmp_path / "openapi.json").write_text(json.dumps(document()), encoding="utf-8")
        (tmp_path / "schemathesis.toml").write_text(
            f"""
            [[operations]]
            include-operation-id = ["get_file", "read_text", "read_content", "draw_page", "relabel"]
            parameters = {{ "path.file_id" = "{file["id"]}" }}
            [[operations]]
            include-operation-id = "get_task"
            parameters = {{ "path.task_id" = "{file["task"]["id"]}" }}
            [[operations]]
            include-operation-id = "list_sources"
            parameters = {{ "query.bucket" = "docs" }}
            """,
            encoding="utf-8",
        )
        command = [
            *(sys.executable, "-m", "schemathesis.cli", "--config-file=schemathesis.toml"),
            *("run", "openapi.json", f"--url={origin}", f"--header=Authorization: Bearer {API_KEY}"),
            *("--phases=coverage,fuzzing", "--max-examples=1", "--seed=1", "--no-shrink", "--checks=all"),
            *("--suppress-health-check=all", "--warnings=off", "--generation-database=none", _CHECKS),
        ]
        run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=400, check=False)
    assert run.returncode == 0, run.stdout[-5_000:] + run.stderr[-1_000:]
    # It was not stopped at the door.
    assert re.search(r"Tested: 2\d", run.stdout), run.stdout[-2_000:]
