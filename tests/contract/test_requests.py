"""Who may ask, and how a request has to look."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.live_backend import Api, in_process, options_for

SESSIONS = "/knowledge/files/upload-session"


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer sk_wrong", "Basic c2s6", "bearer sk_test_0123456789abcde"]
)
@pytest.mark.parametrize("path", ["/connection", "/knowledge/buckets", "/knowledge/files/file_x"])
async def test_without_the_right_key_nothing_is_answered(api: Api, header: str | None, path: str) -> None:
    request = api.http.build_request("GET", path)
    del request.headers["Authorization"]
    if header is not None:
        request.headers["Authorization"] = header
    answer = await api.http.send(request)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_api_key")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


async def test_the_scheme_of_the_key_may_be_written_in_any_case(api: Api) -> None:
    key = api.http.headers["Authorization"].partition(" ")[2]
    answer = await api.http.get("/connection", headers={"Authorization": f"bearer {key}"})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nope", 404, "not_found"),
        ("PATCH", "/knowledge/buckets", 405, "method_not_allowed"),
        ("GET", SESSIONS, 404, "file_not_found"),
        ("GET", "/knowledge/files/file_none", 404, "file_not_found"),
        ("GET", "/knowledge/tasks/task_none", 404, "task_not_found"),
        ("GET", "/knowledge/batches/batch_none", 404, "batch_not_found"),
        ("POST", SESSIONS + "/sess_none/finalize", 404, "session_not_found"),
        ("POST", "/knowledge/files:batch/upload-session/batch_none/finalize", 404, "batch_not_found"),
    ],
)
async def test_what_is_not_there_is_an_error_in_the_envelope(
    api: Api, method: str, path: str, status: int, code: str
) -> None:
    answer = await api.http.request(method, path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert answer.json()["error"]["retryable"] is False


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b'{"filename": 5}',
        b'{"filename": "\\ud800"}',
        b"\xff\xfe",
        b"[" * 100_000,
    ],
)
async def test_a_malformed_body_is_a_400_that_repeats_none_of_it(api: Api, body: bytes) -> None:
    answer = await api.http.post(SESSIONS, content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_request")


async def test_an_oversized_body_is_refused(tmp_path: Path) -> None:
    async with in_process(options_for(tmp_path, body_bytes=1_000)) as api:
        answer = await api.post(SESSIONS, {"filename": "x" * 2_000})
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "request_too_large")


async def test_creates_beyond_the_rate_are_told_when_to_come_back(tmp_path: Path) -> None:
    now = [1_000.0]
    options = options_for(tmp_path, creates_per_second=5, clock=lambda: now[0])
    async with in_process(options) as api:
        for _ in range(5):
            await api.session(b"x")
        declared = {"filename": "a.md", "size_bytes": 1}
        answer = await api.post(SESSIONS, {**declared, "content_type": "text/markdown", "bucket": "docs"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (429, "rate_limited")
        assert answer.json()["error"]["retryable"] is True
        assert answer.headers["Retry-After"] == "1"
        item = {"client_file_id": "a", "filename": "a.md"}
        batch = await api.post(
            "/knowledge/files:batch/upload-session",
            {
                "manifest": {"batch_idempotency_key": "one", "bucket": "docs", "items": [item]},
                "files": [{**declared, "client_file_id": "a"}],
            },
        )
        assert batch.status_code == 429
        assert (await api.get("/knowledge/buckets")).status_code == 200
        now[0] += 1.0
        await api.session(b"x")
