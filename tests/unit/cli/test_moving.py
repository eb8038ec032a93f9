"""What a source is declared as on the other side, and what is said of it beforehand."""

from __future__ import annotations

from typing import Any

import pytest

from calypso_mcp.api.agents import AgentModel
from calypso_mcp.api.buckets import Bucket
from calypso_mcp.api.connection import Extension
from calypso_mcp.api.sources import Source
from calypso_mcp.cli.moving.carrying import declare
from calypso_mcp.cli.moving.plan import Plan, PlannedBucket, describe_changes

PUBLISHED: frozenset[Extension] = frozenset()
EVERYTHING = frozenset(Extension)
URL = "https://help.test/guide/"


def source(name: str, kind: str = "file", **fields: Any) -> Source:
    filename = name.rpartition("/")[2] if kind == "file" else "index.html"
    return Source.model_validate(
        {"id": f"file_{name}", "name": name, "kind": kind, "filename": filename, "status": "active", **fields}
    )


def test_a_file_keeps_its_folders_where_the_other_side_has_a_place_for_them() -> None:
    kept = declare(source("de/leave.md"), "bucket_1", EVERYTHING)
    assert (kept.filename, kept.path, kept.if_exists) == ("leave.md", "de/leave.md", "keep_both")
    # The same identity as that of a folder that is synchronised: nothing is sent twice afterwards.
    plain = declare(source("de/leave.md"), "bucket_1", PUBLISHED)
    assert (plain.identity, plain.if_exists) == ("de/leave.md", None)


@pytest.mark.parametrize("extensions", [PUBLISHED, EVERYTHING], ids=["published", "extended"])
@pytest.mark.parametrize("filename", ["index.html", "re\u0301sume\u0301.html"])
def test_pages_of_one_name_stay_apart(extensions: frozenset[Extension], filename: str) -> None:
    pages = [
        source(f"{URL}{number}", "website", metadata={"url": f"{URL}{number}"}, filename=filename)
        for number in range(2)
    ]
    declared = [declare(page, "bucket_1", extensions) for page in pages]
    assert len({declaration.lineage for declaration in declared}) == 2
    assert len({declaration.client_file_id("00") for declaration in declared}) == 2
    assert declared[0].sent_metadata == {"url": f"{URL}0", "external_id": f"{URL}0"}


def test_an_external_id_stays_what_it_was() -> None:
    declared = declare(source(URL, "website", metadata={"external_id": "crm_1"}), "bucket_1", PUBLISHED)
    assert declared.sent_metadata == {"external_id": "crm_1"}


def plan(*sources: Source, left: tuple[AgentModel, ...] = ()) -> Plan:
    return Plan((PlannedBucket(Bucket("bucket_1", "docs"), sources, None),), (), left)


@pytest.mark.parametrize(
    ("planned", "extensions", "words"),
    [
        (plan(source(URL, "website")), EVERYTHING, "Web pages (1) become files"),
        (plan(source("Why?", "qa")), PUBLISHED, "Questions with their answers (1) become"),
        (plan(source("de/a.md")), PUBLISHED, "Files in folders (1) lose the folders"),
        (
            plan(source("a.md", status="failed")),
            EVERYTHING,
            "Sources that cannot be read here (1) are still sent",
        ),
        (plan(left=(AgentModel(id="calypso-agent:x", profile_id="x"),)), EVERYTHING, "The agent x stays"),
    ],
)
def test_what_changes_is_said(planned: Plan, extensions: frozenset[Extension], words: str) -> None:
    assert any(note.startswith(words) for note in describe_changes(planned, extensions))


def test_nothing_is_said_of_what_stays_as_it_is() -> None:
    notes = list(describe_changes(plan(source("Why?", "qa"), source("de/a.md")), EVERYTHING))
    assert notes == ["Buckets and sources get new ids and times. Conversations start over."]
