"""Every argument of every tool, given more than fits anywhere: an answer, and no crash."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.upload_rig import upload_rig

#: Longer than any address.
LONG = "A" * 70_000
#: What lets a call reach the code behind its hostile argument.
ORDINARY = {
    "query": "moon",
    "question": "How far is the moon?",
    "answer": "Far.",
    "name": "Moon",
    "agent": "moon",
    "buckets": ["docs"],
    "bucket": "docs",
    "url": "http://127.0.0.1:1/",
    "text": "The moon is far.",
    "items": [{"text": "The sun is farther."}],
    "timeout_s": 0,
}
#: Given one at a time only.
_SOURCES = {
    "upload_file": {"path", "content_base64", "url", "text"},
    "upload_batch": {"paths", "directory", "items"},
}


async def test_no_long_argument_crashes_a_tool(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    async with upload_rig(tmp_path) as rig:
        stored = await rig.ok("upload_file", text="The moon is far.", bucket="docs", create_bucket=True)
        known = {**ORDINARY, "file_id": stored["file_id"], "id": stored["file_id"]}
        for tool in (await rig.client.list_tools()).tools:
            arguments = tool.input_schema["properties"]
            sources = _SOURCES.get(tool.name, set())
            for long in arguments:
                left_out = sources if long in sources else sources - {"text", "items"}
                given = {name: known[name] for name in arguments if name in known and name not in left_out}
                await rig.call(tool.name, **{**given, long: LONG})
                assert not caplog.records, (tool.name, long, caplog.text)
