"""Google's own resumable-upload client against our upload address, over a real socket.

Calypso's create request stands in for the one that starts a GCS upload, so the client's first POST is
answered with the address that Calypso gave out. Everything after it is the client's own doing.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Generator
from typing import Any, cast

import pytest
import requests
from google.resumable_media import common
from google.resumable_media.requests import ResumableUpload
from requests.adapters import BaseAdapter, HTTPAdapter

from tests.support.live_backend import API_KEY, BOUND_S, options_for, serving

UNIT = 262_144
SIZES = [(1, UNIT), (UNIT, UNIT), (1_048_583, UNIT), (25_000_000, 8 * UNIT), (5 * UNIT, 8 * UNIT)]


class StartedByCalypso(BaseAdapter):
    """Answers the client's initiation with the address of an upload session."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self._address = address

    def send(self, request: requests.PreparedRequest, **_: Any) -> requests.Response:  # type: ignore[override]
        answer = requests.Response()
        answer.status_code = 200
        answer.headers["Location"] = self._address
        answer.request = request
        answer.raw = io.BytesIO()
        return answer

    def close(self) -> None:
        """Nothing is open."""


class CutOnce(HTTPAdapter):
    """Breaks the connection in the middle of the body of the n-th request."""

    def __init__(self, cut_request: int, after_bytes: int) -> None:
        super().__init__()
        self._left = cut_request
        self._after_bytes = after_bytes
        self.has_cut = False

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        self._left -= 1
        if self._left == 0 and request.body:
            body = cast("bytes", request.body)

            def broken() -> Generator[bytes]:
                yield body[: self._after_bytes]
                raise ConnectionResetError("cut by the test")

            request.body = broken()  # type: ignore[assignment]
            # Content-Length stays, so the server waits for bytes that never come.
            self.has_cut = True
        return super().send(request, *args, **kwargs)


class Calypso:
    """The few calls around an upload, made with requests."""

    def __init__(self, origin: str) -> None:
        self.http = requests.Session()
        self.http.trust_env = False
        self._origin = origin

    def _post(self, path: str, body: Any) -> dict[str, Any]:
        answer = self.http.post(
            f"{self._origin}/v1/knowledge/files{path}",
            json=body,
            headers={"Authorization": f"Bearer {API_KEY}"},
            timeout=BOUND_S,
        )
        assert answer.status_code == 201, answer.text
        return answer.json()

    def start(self, data: bytes, chunk_bytes: int, checksum: str | None) -> tuple[ResumableUpload, str]:
        body = {"filename": "a.bin", "size_bytes": len(data), "bucket": "gcs", "create_missing_buckets": True}
        session = self._post("/upload-session", body)
        self.http.mount("https://start.invalid/", StartedByCalypso(session["upload_url"]))
        upload = ResumableUpload("https://start.invalid/", chunk_bytes, checksum=checksum)
        upload.initiate(self.http, io.BytesIO(data), {}, "application/octet-stream", total_bytes=len(data))
        return upload, session["session_id"]

    def stored_sha256(self, session_id: str) -> str:
        return self._post(f"/upload-session/{session_id}/finalize", {})["sha256"]


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    with serving(options_for(tmp_path_factory.mktemp("gcs"))) as served:
        yield served


@pytest.fixture
def calypso(origin: str) -> Generator[Calypso]:
    reached = Calypso(origin)
    yield reached
    reached.http.close()


def data_of(size: int) -> bytes:
    return hashlib.shake_128(str(size).encode()).digest(size)


@pytest.mark.parametrize("checksum", [None, "md5", "crc32c"])
@pytest.mark.parametrize(("size", "chunk_bytes"), SIZES)
def test_googles_client_uploads_any_size(
    calypso: Calypso, size: int, chunk_bytes: int, checksum: str | None
) -> None:
    data = data_of(size)
    upload, session_id = calypso.start(data, chunk_bytes, checksum)
    while not upload.finished:
        upload.transmit_next_chunk(calypso.http, timeout=BOUND_S)
    assert upload.bytes_uploaded == size
    assert calypso.stored_sha256(session_id) == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("after_bytes", [0, 100, UNIT, UNIT + 100, 3 * UNIT])
@pytest.mark.parametrize("cut_request", [1, 2, 3])
def test_googles_client_recovers_from_a_cut_connection(
    calypso: Calypso, cut_request: int, after_bytes: int
) -> None:
    data = data_of(12 * UNIT - 1)
    upload, session_id = calypso.start(data, 4 * UNIT, "md5")
    # Left to itself the client would retry without asking for the offset.
    upload._retry_strategy = common.RetryStrategy(max_retries=0)
    adapter = CutOnce(cut_request, after_bytes)
    calypso.http.mount("http://", adapter)
    recovered_at: list[int] = []
    while not upload.finished:
        try:
            upload.transmit_next_chunk(calypso.http, timeout=BOUND_S)
        except (requests.ConnectionError, ConnectionResetError):
            upload._make_invalid()
            upload.recover(calypso.http)
            recovered_at.append(upload.bytes_uploaded)
    assert adapter.has_cut
    assert len(recovered_at) == 1
    assert recovered_at[0] % UNIT == 0
    assert calypso.stored_sha256(session_id) == hashlib.sha256(data).hexdigest()


def test_googles_client_is_told_when_the_bytes_changed_on_the_way(calypso: Calypso) -> None:
    data = data_of(2 * UNIT)
    upload, session_id = calypso.start(data, UNIT, "md5")
    upload.transmit_next_chunk(calypso.http, timeout=BOUND_S)
    assert isinstance(upload._stream, io.BytesIO)
    upload._stream.getbuffer()[UNIT:] = data[:UNIT]
    checksum: Any = upload._checksum_object
    checksum.update(b"what the client believes it sent")
    with pytest.raises(common.DataCorruption):
        upload.transmit_next_chunk(calypso.http, timeout=BOUND_S)
    assert calypso.stored_sha256(session_id) == hashlib.sha256(data[:UNIT] * 2).hexdigest()


def test_a_recovered_client_learns_that_nothing_arrived(calypso: Calypso) -> None:
    upload, _ = calypso.start(data_of(UNIT), UNIT, None)
    upload._make_invalid()
    upload.recover(calypso.http)
    assert upload.bytes_uploaded == 0
