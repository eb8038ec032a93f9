"""What `calypso_mcp.client` exports, and the examples that show it."""

from __future__ import annotations

import asyncio
import dataclasses
import importlib
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast, get_args, get_type_hints

import pytest
from pydantic import BaseModel

import calypso_mcp.client
from calypso_mcp.client import BytesSource, CalypsoClient, ClientPolicies, Declaration, Destination, Upload
from calypso_mcp.errors import ContentError
from tests.support.live_backend import API_KEY, options_for, serving

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "examples" / "client_search.py"
PARTS = (
    *("buckets", "sources", "uploads", "readiness", "search"),
    *("answers", "agents", "websites", "qa", "connection"),
)
#: What methods name for the packages above alone: a scope to look through, an answer without its checks.
INTERNAL = {"Reach", "RawAnswer"}
#: What is used without being named by a method.
ROOTS = {"CalypsoClient", "BytesSource"}


def types_in(hint: Any) -> Iterator[type]:
    """Yield the types of this project in an annotation."""
    if isinstance(hint, list):
        for part in cast("list[Any]", hint):
            yield from types_in(part)
    elif get_args(hint):
        for part in get_args(hint):
            yield from types_in(part)
    elif isinstance(hint, type) and hint.__module__.startswith("calypso_mcp."):
        yield hint


def hints_of(annotated: Any) -> dict[str, Any]:
    # Names that are imported for annotations only have to be found, too.
    known = {name: getattr(calypso_mcp.client, name) for name in calypso_mcp.client.__all__}
    for module in ("client.readiness_target", "client.retrieval.answers", "domain.states.file_state"):
        known |= vars(importlib.import_module(f"calypso_mcp.{module}"))
    return get_type_hints(annotated, {**known, **vars(sys.modules[annotated.__module__])})


def fields_of(model: type) -> list[Any]:
    if issubclass(model, BaseModel):
        model.model_rebuild()
        return [field.annotation for field in model.model_fields.values()]
    is_opaque = model is calypso_mcp.client.BucketList
    return list(hints_of(model).values()) if dataclasses.is_dataclass(model) and not is_opaque else []


def parts_of(model: type, seen: set[type]) -> set[type]:
    """Return a type and those of its fields, and of theirs."""
    if model not in seen:
        seen.add(model)
        for hint in fields_of(model):
            for part in types_in(hint):
                parts_of(part, seen)
    return seen


def signatures() -> Iterator[dict[str, Any]]:
    client = CalypsoClient(base_url="http://127.0.0.1:1/v1", api_key=API_KEY)
    for part in PARTS:
        for name, method in inspect.getmembers(type(getattr(client, part)), inspect.isfunction):
            if not name.startswith("_"):
                yield hints_of(method)


def names(models: set[type]) -> set[str]:
    return {model.__name__ for model in models} - INTERNAL


def test_everything_that_a_call_takes_or_returns_is_exported_and_nothing_else() -> None:
    taken, returned = parts_of(ClientPolicies, set()), set[type]()
    for hints in signatures():
        returned.update(types_in(hints.pop("return")))
        for hint in hints.values():
            for model in types_in(hint):
                parts_of(model, taken)
    reachable = set[type]()
    for model in taken | returned:
        parts_of(model, reachable)

    exported = set(calypso_mcp.client.__all__)
    assert names(taken | returned) - exported == set()
    assert exported - names(reachable) == ROOTS


def test_type_checkers_see_every_exported_name() -> None:
    source = Path(calypso_mcp.client.__file__).read_text()
    assert sorted(re.findall(r"\b(\w+) as \1\b", source)) == sorted(calypso_mcp.client.__all__)


def test_every_exported_name_is_there() -> None:
    for name in calypso_mcp.client.__all__:
        assert getattr(calypso_mcp.client, name).__name__ == name
        assert getattr(calypso_mcp.client, name).__doc__


async def test_the_examples_find_what_they_uploaded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(options_for(tmp_path)) as address:
        for outcome in ("accepted", "replayed"):
            example = await asyncio.create_subprocess_exec(
                sys.executable, str(EXAMPLE), f"{address}/v1", API_KEY, stdout=asyncio.subprocess.PIPE
            )
            output, _ = await asyncio.wait_for(example.communicate(), 60)
            assert example.returncode == 0
            said = output.decode()
            assert said.startswith(f"{outcome}, ready")
            assert "moon.md: " in said
            assert "a quarter as wide as the earth" in said

        program = (ROOT / "docs" / "python.md").read_text().partition("```python\n")[2].partition("```")[0]
        example_of_page: dict[str, Any] = {}
        exec(program, example_of_page)
        await example_of_page["main"](f"{address}/v1", API_KEY)
        assert "a quarter as wide as the earth" in capsys.readouterr().out


async def test_a_file_on_disk_is_uploaded_by_its_path(tmp_path: Path) -> None:
    notes = tmp_path / "notes.md"
    notes.write_text("# Tides\n\nThe moon makes them.\n")
    bucket = Destination(bucket="notes", create_missing_buckets=True)
    with serving(options_for(tmp_path / "data")) as address:
        async with CalypsoClient(base_url=f"{address}/v1", api_key=API_KEY) as client:
            declared = Declaration(destination=bucket, title="Tides")
            first = await client.uploads.upload(Upload.of_file(notes, declared))
            same = await client.uploads.upload(
                Upload(BytesSource(notes.read_bytes()), Declaration("notes.md", bucket, title="Tides"))
            )
            [many] = await client.uploads.upload_all([Upload.of_file(notes, Declaration("a.md", bucket))])
            with pytest.raises(ContentError) as missing:
                await client.uploads.upload(Upload.of_file(tmp_path, declared))

    assert (first.outcome, same.outcome, same.id) == ("accepted", "replayed", first.id)
    assert (many.outcome, many.name) == ("accepted", "a.md")
    assert missing.value.code == "file_not_found"
