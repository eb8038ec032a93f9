"""Answers whose shape is not published: one odd entry, type or null costs nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from calypso_mcp.api.agents import AgentModel
from calypso_mcp.api.batches import Batch, BatchFinalized, BatchItem, BatchSession
from calypso_mcp.api.buckets import MadeBucket
from calypso_mcp.api.files import IndexingTask, KnowledgeFile
from calypso_mcp.api.search import SearchResponse
from calypso_mcp.api.wire import WireModel


@pytest.mark.parametrize("name", ["pending", "failed"])
@pytest.mark.parametrize(
    ("entries", "ids"),
    [
        (None, []),
        ("all", []),
        (["a", {"clientFileId": "b"}, {"client_file_id": "c", "reason": 7}], ["a", "b", "c"]),
        ([{"filename": "a.txt"}, None, 7, "b"], ["b"]),
    ],
)
def test_entries_that_name_a_file_are_read(name: str, entries: Any, ids: list[str]) -> None:
    finalized = [{"client_file_id": "z", "knowledge_id": "f"}]
    answer = BatchFinalized.model_validate({"batch_id": "b", "finalized": finalized, name: entries})
    assert [entry.client_file_id for entry in getattr(answer, name)] == ids
    assert [item.knowledge_id for item in answer.finalized] == ["f"]


def test_null_is_an_empty_list() -> None:
    lists = {"finalized": None, "replayed": None}
    assert BatchFinalized.model_validate({"batch_id": "b", **lists}).finalized == ()
    assert BatchSession.model_validate({"batch_id": "b", "accepted": None, "rejected": None}).accepted == ()


def test_a_bucket_may_leave_what_describes_it_null() -> None:
    described = dict.fromkeys(["name", "description", "memberCount", "counts", "fileCount", "bucketStore"])
    bucket = MadeBucket.model_validate({"id": "b", "slug": "handbook", **described}).bucket
    assert (bucket.slug, bucket.name, bucket.member_count, bucket.file_count) == ("handbook", "", 0, 0)


@pytest.mark.parametrize(
    ("store", "is_active"),
    [
        ({"status": "ACTIVE", "pending_member_count": None, "last_error": {"code": "none"}}, True),
        ({"status": "Active", "pending_member_count": 1}, False),
        ({"status": None, "indexed_member_count": None, "last_error": None}, False),
    ],
)
def test_the_store_of_a_bucket_may_spell_its_state_otherwise_or_leave_it_null(
    store: dict[str, Any], is_active: bool
) -> None:
    made = {"id": "b", "slug": "handbook", "description": {"text": "x"}, "bucketStore": store}
    found = MadeBucket.model_validate(made).bucket.store
    assert found is not None
    assert (found.is_active, found.indexed_member_count) == (is_active, 0)


@pytest.mark.parametrize(
    ("status", "is_active"), [(None, True), ("ACTIVE", True), ("Archived", False), ("odd", True)]
)
def test_a_bucket_may_spell_its_state_otherwise_or_leave_it_null(status: Any, is_active: bool) -> None:
    made = MadeBucket.model_validate({"id": "b", "slug": "handbook", "status": status})
    assert made.bucket.is_active == is_active


@pytest.mark.parametrize("kind", [KnowledgeFile, IndexingTask, Batch, BatchItem, AgentModel, SearchResponse])
def test_null_is_what_is_left_out(kind: type[WireModel]) -> None:
    named = {"id": "x", "client_file_id": "x"}
    nulls = dict.fromkeys({*kind.model_fields} - {"id", "client_file_id"})
    assert kind.model_validate({**nulls, **named}) == kind.model_validate(named)


def test_the_first_spelling_with_a_value_is_read() -> None:
    file = KnowledgeFile.model_validate({"id": "f", "status": None, "canonicalStatus": "indexed"})
    assert file.status == "indexed"


def test_what_only_describes_a_file_may_be_of_any_type() -> None:
    described = {"created_at": {"_seconds": 1}, "updated_at": 1780000000, "title": 7, "sha256": False}
    file = KnowledgeFile.model_validate({"id": "f", "status": "indexed", **described})
    assert (file.status, file.created_at, file.updated_at, file.title) == ("indexed", None, None, None)


@pytest.mark.parametrize(
    ("tags", "read"),
    [("a, b,", ("a", "b")), (["a", 7, "b"], ("a", "b")), ("", ()), ([], ()), (None, None), ({"a": 1}, None)],
)
def test_tags_come_as_a_list_or_as_one_string(tags: Any, read: Any) -> None:
    assert KnowledgeFile.model_validate({"id": "f", "tags": tags}).tags == read


@pytest.mark.parametrize("request_id", [7, {"id": "req_1"}, None])
def test_the_id_of_a_request_may_be_of_any_type(request_id: Any) -> None:
    assert SearchResponse.model_validate({"request_id": request_id}).request_id is None


def test_an_agent_may_leave_its_buckets_null() -> None:
    agent = AgentModel.model_validate({"id": "m", "bucket_ids": None, "missing_bucket_ids": None})
    assert agent.live_bucket_ids == ()


def test_a_result_without_attributes_is_a_result() -> None:
    [result] = SearchResponse.model_validate({"results": [{"text": "x", "attributes": None}]}).results
    assert result.attributes == {}


@pytest.mark.parametrize(
    ("source", "profile", "expected"),
    [
        ("default_policy", None, True),
        ("default_policy", "x", True),
        ("named_profile", None, False),
        ("named_profile", "x", False),
        (None, None, True),
    ],
)
def test_a_named_profile_is_never_the_default(
    source: str | None, profile: str | None, expected: bool
) -> None:
    fields = {"id": "m", "profile_id": profile, **({"source": source} if source else {})}
    assert AgentModel.model_validate(fields).is_default is expected
