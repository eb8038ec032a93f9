"""Ids in paths of the API: each stays one segment, whatever it holds."""

from __future__ import annotations

import httpx2
import pytest

from calypso_mcp.api import paths
from calypso_mcp.errors import NotFound


@pytest.mark.parametrize("file_id", ["a/b", "a/../b", "...", "..;x", "\\..", "%2e%2e", "?a=1", "#", "\0"])
def test_an_id_is_one_segment(file_id: str):
    path = paths.fill(paths.SOURCE_CONTENT, file_id=file_id)
    sent = httpx2.URL(f"http://api.test/v1{path}").raw_path.decode()
    before, _, after = paths.SOURCE_CONTENT.partition("{file_id}")
    assert sent.startswith(f"/v1{before}")
    assert sent.endswith(after)
    assert sent.count("/") == f"/v1{paths.SOURCE_CONTENT}".count("/")


@pytest.mark.parametrize("file_id", ["", ".", "..", "A" * 70_000])
def test_an_id_that_would_lead_elsewhere_is_nothing_the_api_knows(file_id: str):
    with pytest.raises(NotFound):
        paths.fill(paths.SOURCE_CONTENT, file_id=file_id)
