"""Looking at local files before they are sent: what was found fit is not searched again, what changed is."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from threading import Event

import anyio
import pytest
from anyio import from_thread, to_thread
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from calypso_mcp.client.transport.sources import BytesSource, content_hash_of
from calypso_mcp.client.uploading.preparation import open_source, prepare
from calypso_mcp.client.uploading.upload import Upload
from calypso_mcp.domain.uploads.declaration import Declaration, Destination
from calypso_mcp.errors import ContentError
from calypso_mcp.server.files.local_files import FilePolicy
from calypso_mcp.server.files.upload_sources import check_local_file, check_text, run_abandonable
from tests.support.secret_samples import TOKENS

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there every call looks anew")


_SECRET = TOKENS["GitHub classic"]()


def bytes_read() -> int:
    """Return how much this process has read by system calls so far."""
    return int(Path("/proc/self/io").read_text(encoding="ascii").split()[1])


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts what the kernel counts")
def test_a_file_found_fit_is_not_searched_by_the_next_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("calypso_mcp.server.files.upload_sources._SETTLED_NS", -1)
    path = tmp_path / "notes.md"
    path.write_text("nothing to hide\n" * 100_000)
    size_bytes, policy = path.stat().st_size, FilePolicy((str(tmp_path),))

    def look() -> int:
        before = bytes_read()
        assert check_local_file(str(path), policy).size_bytes == size_bytes
        return bytes_read() - before

    assert look() >= size_bytes
    assert look() < size_bytes / 10
    path.write_text("nothing to say!\n" * 100_000)
    assert look() >= size_bytes


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts what the kernel counts")
@pytest.mark.parametrize("size_bytes", [1, 16 << 10, 240 << 10, (768 << 10) + 1, 3_000_000])
async def test_a_file_is_read_once_to_be_looked_through_and_hashed(tmp_path: Path, size_bytes: int) -> None:
    path, content = tmp_path / "notes.md", os.urandom(size_bytes).hex().encode()[:size_bytes]
    path.write_bytes(content)
    before = bytes_read()
    checked = check_local_file(str(path), FilePolicy((str(tmp_path),)))
    upload = Upload(checked.source, Declaration(filename="notes.md", destination=Destination(("b",))))
    prepared = await prepare(upload)
    # The windows of the search share a little, and the format is told from the first bytes.
    assert bytes_read() - before <= size_bytes * 1.1 + (128 << 10)
    assert prepared.content_hash == await content_hash_of(BytesSource(content))


async def test_a_hash_made_on_the_side_is_of_the_version_that_is_sent(tmp_path: Path) -> None:
    path, policy = tmp_path / "notes.md", FilePolicy((str(tmp_path),))
    path.write_text("first version\n" * 100)
    checked = check_local_file(str(path), policy)
    path.write_text("second version\n" * 100)
    upload = Upload(checked.source, Declaration(filename="notes.md", destination=Destination(("b",))))
    with pytest.raises(ContentError) as caught, open_source(upload):
        pass
    assert caught.value.code == "file_changed"


def test_a_secret_written_into_a_file_found_fit_is_found(tmp_path: Path) -> None:
    path, policy = tmp_path / "notes.md", FilePolicy((str(tmp_path),))
    path.write_text("x" * len(_SECRET))
    status = path.stat()
    check_local_file(str(path), policy)
    path.write_text(_SECRET)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))  # as whoever hides a change would
    with pytest.raises(ContentError) as caught:
        check_local_file(str(path), policy)
    assert caught.value.code == "secret_content"


@pytest.mark.parametrize("before", ["", "# notes\n", "What starts with %PDF-1.7 is a PDF.\n"])
@pytest.mark.parametrize("name", ["notes.md", "notes.pdf"])
def test_a_real_key_goes_out_neither_by_path_nor_as_text(tmp_path: Path, before: str, name: str) -> None:
    key = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    policy, text = FilePolicy((str(tmp_path),)), before + key.decode()
    (tmp_path / name).write_text(text)
    with pytest.raises(ContentError) as by_path:
        check_local_file(name, policy)
    with pytest.raises(ContentError) as as_text:
        check_text(text, name, policy)
    assert (by_path.value.code, as_text.value.code) == ("secret_content", "secret_content")


def test_a_stricter_policy_looks_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("calypso_mcp.server.files.upload_sources._SETTLED_NS", -1)
    path = tmp_path / "notes.md"
    path.write_text(_SECRET)
    check_local_file(str(path), FilePolicy((str(tmp_path),), scan_secrets=False))
    with pytest.raises(ContentError):
        check_local_file(str(path), FilePolicy((str(tmp_path),)))


async def test_a_search_that_nobody_waits_for_any_more_ends(tmp_path: Path) -> None:
    path, policy = tmp_path / "notes.md", FilePolicy((str(tmp_path),))
    path.write_text("word by word\n" * 1_000_000)
    begun, given_up, ended = anyio.Event(), Event(), Event()

    def look() -> None:
        from_thread.run_sync(begun.set)
        given_up.wait(5)
        try:
            check_local_file(str(path), policy)
        except asyncio.CancelledError:
            ended.set()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run_abandonable, look)
        await begun.wait()
        tasks.cancel_scope.cancel()
    given_up.set()
    assert await to_thread.run_sync(ended.wait, 5)
