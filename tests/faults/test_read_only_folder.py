"""A data folder that cannot be written (a backup, a read-only mount): its buckets can still be read."""

from __future__ import annotations

import os
import subprocess
import tarfile
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import anyio
import pytest

from calypso_mcp.errors import ConfigError
from calypso_mcp.local.store.connections.database import open_database
from tests.commands.processes import running
from tests.faults.test_disk_full import may_mount
from tests.support.live_backend import Api, in_process, options_for

STORE_OF_THE_FIRST_SCHEMA = Path(__file__).parent.parent / "data" / "store_of_the_first_schema.tar.xz"
#: Permissions do not bind root.
IS_ROOT = os.name == "posix" and os.geteuid() == 0
pytestmark = pytest.mark.skipif(os.name != "posix", reason="a folder is not read-only on Windows")
needs_mounts = pytest.mark.skipif(not may_mount(), reason="may not mount here")


@contextmanager
def mounted_read_only(folder: Path, view: Path) -> Generator[Path]:
    """Show `folder`, which others may still write, at `view`."""
    view.mkdir()
    subprocess.run(["mount", "--bind", folder, view], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", view], check=True)
        yield view
    finally:
        subprocess.run(["umount", "--lazy", view], check=True)


@contextmanager
def without_permission(folder: Path, _: Path) -> Generator[Path]:
    folder.chmod(0o500)
    try:
        yield folder
    finally:
        folder.chmod(0o700)


async def list_slugs(api: Api) -> list[str]:
    return [bucket["slug"] for bucket in (await api.get("/knowledge/buckets")).json()["buckets"]]


@pytest.mark.parametrize(
    "read_only",
    [
        pytest.param(mounted_read_only, marks=needs_mounts),
        pytest.param(without_permission, marks=pytest.mark.skipif(IS_ROOT, reason="root may write anywhere")),
    ],
)
async def test_what_a_folder_that_cannot_be_written_holds_is_read_and_not_changed(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    read_only: Callable[[Path, Path], AbstractContextManager[Path]],
) -> None:
    folder = tmp_path / "data"
    async with in_process(options_for(folder)) as api:
        file = await api.upload(b"# Moon\n\nThe moon is a quarter as wide as the earth.\n")
        await api.settled(file["id"])
    with read_only(folder, tmp_path / "view") as view:
        async with in_process(options_for(view)) as api:
            slugs = await list_slugs(api)
            hits = await api.searched("how wide is the moon")
            original = await api.get(f"/knowledge/files/{file['id']}")
            asked = {"input": "How wide is the moon?", "model": "calypso-agent"}
            answer = await api.post("/responses", asked)
            refused = await api.post("/knowledge/buckets", {"name": "another"})
    assert slugs == ["docs"]
    assert len(hits) == 1
    assert original.json()["status"] == "active"
    assert "a quarter as wide" in answer.text
    assert refused.status_code == 503
    error = refused.json()["error"]
    assert (error["code"], error["retryable"]) == ("store_unusable", False)
    assert "can be read, but not written" in error["message"]
    # Nothing else is tried: it could not succeed.
    errors = [record for record in caplog.records if record.levelname == "ERROR"]
    assert len(errors) == 1


@needs_mounts
async def test_a_folder_mounted_read_only_is_served_on_a_port(tmp_path: Path) -> None:
    async with in_process(options_for(tmp_path / "data")):
        pass
    with (
        mounted_read_only(tmp_path / "data", tmp_path / "view") as view,
        running(
            "backend", "--port", "0", "--data-dir", str(view), environ={"CALYPSO_API_KEY": "sk_own"}
        ) as served,
    ):
        assert served.stdout is not None
        assert served.stdout.readline().startswith("Embedded Calypso: http")


@needs_mounts
async def test_what_others_write_to_a_folder_mounted_read_only_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    async with in_process(options_for(folder)) as owner:
        await owner.post("/knowledge/buckets", {"name": "first"})
    with mounted_read_only(folder, tmp_path / "view") as view, anyio.fail_after(60):
        async with in_process(options_for(view)) as reader:
            assert await list_slugs(reader) == ["first"]
            async with in_process(options_for(folder)) as owner:
                await owner.post("/knowledge/buckets", {"name": "second"})
            # The owner has folded its log into the file.
            assert await list_slugs(reader) == ["first", "second"]
            async with in_process(options_for(folder)) as owner:
                await owner.post("/knowledge/buckets", {"name": "third"})
                assert await list_slugs(reader) == ["first", "second", "third"]
                await owner.post("/knowledge/buckets", {"name": "fourth"})
            assert await list_slugs(reader) == ["first", "second", "third", "fourth"]
            async with in_process(options_for(folder)) as owner:
                await owner.post("/knowledge/buckets", {"name": "last"})
            assert await list_slugs(reader) == ["first", "second", "third", "fourth", "last"]


@needs_mounts
async def test_a_folder_of_another_version_that_cannot_be_written_is_refused_with_what_to_do(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    with tarfile.open(STORE_OF_THE_FIRST_SCHEMA) as archive:
        archive.extractall(folder, filter="data")
    with (
        mounted_read_only(folder, tmp_path / "view") as view,
        pytest.raises(ConfigError, match="Another version made the store") as raised,
    ):
        async with open_database(view / "calypso.db"):
            pass
    assert "Copy its folder" in raised.value.hint


@needs_mounts
async def test_a_store_that_cannot_be_opened_is_not_taken_for_that_of_another_version(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    (folder / "calypso.db").mkdir(parents=True)
    with mounted_read_only(folder, tmp_path / "view") as view, pytest.raises(ConfigError) as raised:
        async with open_database(view / "calypso.db"):
            pass
    assert "cannot be used" in str(raised.value)
