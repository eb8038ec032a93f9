from __future__ import annotations

import shutil
import sys
from pathlib import Path

import anyio
import httpx2
import pytest
from pydantic import SecretStr

from calypso_mcp.assembly.backends import Backends, open_backends
from calypso_mcp.assembly.embedded import EMBEDDED_BASE_URL, EmbeddedTransport
from calypso_mcp.client.transport.sources import BytesSource
from calypso_mcp.client.uploading.upload import Upload
from calypso_mcp.domain.uploads.declaration import Declaration, Destination
from calypso_mcp.errors import AuthenticationFailed, ConfigError
from calypso_mcp.local.options import LocalOptions
from calypso_mcp.local.worker import IndexingWorker
from calypso_mcp.settings import Settings, settings_from
from calypso_mcp.sqlite.faults import StoreGone

KEY = "sk_embedded"


def _settings(data_dir: Path, **environ: str) -> Settings:
    return settings_from({"data_dir": str(data_dir)}, environ)


def _client(transport: httpx2.AsyncBaseTransport) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(
        transport=transport, base_url=EMBEDDED_BASE_URL, headers={"Authorization": f"Bearer {KEY}"}
    )


async def test_the_embedded_backend_starts_once_with_the_first_requests(tmp_path: Path) -> None:
    asked = 0

    def options() -> LocalOptions:
        nonlocal asked
        asked += 1
        return LocalOptions(data_dir=tmp_path / "data", api_key=KEY)

    statuses: list[int] = []
    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:
            transport = EmbeddedTransport(tasks, options)
            assert not (tmp_path / "data").exists()

            async def request() -> None:
                async with _client(transport) as client:
                    statuses.append((await client.get("/knowledge/buckets")).status_code)

            async with anyio.create_task_group() as together:
                for _ in range(5):
                    together.start_soon(request)
            await request()
            transport.stop()
    assert statuses == [200] * 6
    assert asked == 1


async def test_a_start_that_failed_reaches_the_request_and_the_next_one_tries_again(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    folders = iter([tmp_path / "file" / "data", tmp_path / "data"])
    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:
            transport = EmbeddedTransport(tasks, lambda: LocalOptions(data_dir=next(folders), api_key=KEY))
            async with _client(transport) as client:
                with pytest.raises(ConfigError):
                    await client.get("/knowledge/buckets")
                assert (await client.get("/knowledge/buckets")).status_code == 200
            transport.stop()


async def test_a_file_that_shrinks_while_it_is_sent_is_no_failure_of_the_backend(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Shrinking(BytesSource):
        """Whole when it is hashed, and then no more."""

        reads = 0

        async def read(self, offset: int, length: int) -> bytes:
            self.reads += 1
            return await super().read(offset, length) if self.reads == 1 else b""

    upload = Upload(
        Shrinking(b"text"),
        Declaration("a.md", Destination(bucket="docs", create_missing_buckets=True), path="a.md"),
    )
    async with open_backends(_settings(tmp_path / "data")) as backends:
        with anyio.fail_after(30):
            (outcome,) = await backends.of_process().client.uploads.upload_all([upload])
    assert (outcome.outcome, outcome.code, outcome.retryable) == ("failed", "upload_corrupted", True)
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


async def test_every_caller_of_the_embedded_backend_shares_one_client(tmp_path: Path) -> None:
    async with open_backends(_settings(tmp_path / "data")) as backends:
        assert backends.of_process() is backends.of_key(SecretStr("sk_caller"))
        assert backends.of_process().label == "embedded"
        assert (await backends.of_process().client.buckets.list()).buckets == ()


async def test_each_key_of_the_hosted_api_has_one_client_of_its_own(tmp_path: Path) -> None:
    async with open_backends(_settings(tmp_path, CALYPSO_API_KEY="sk_operator")) as backends:
        mine = backends.of_process()
        other = backends.of_key(SecretStr("sk_caller"))
        assert mine.label == "hosted"
        assert other is not mine
        assert backends.of_key(SecretStr("sk_caller")) is other
        assert backends.of_key(SecretStr("sk_operator")) is mine


async def test_the_hosted_api_without_a_key_is_refused_for_the_caller_not_for_the_server(
    tmp_path: Path,
) -> None:
    settings = _settings(tmp_path, CALYPSO_BACKEND="hosted", CALYPSO_CALLER_KEY_HEADER="X-Calypso-Key")
    async with open_backends(settings) as backends:
        with pytest.raises(AuthenticationFailed):
            backends.of_process()


async def test_what_goes_wrong_inside_arrives_as_itself_and_not_as_a_group(tmp_path: Path) -> None:
    async def broken(backends: Backends) -> None:
        assert (await backends.of_process().client.buckets.list()).buckets == ()
        raise ConfigError("wrong")

    with pytest.raises(ConfigError, match="wrong"):
        async with open_backends(_settings(tmp_path / "data")) as backends:
            await broken(backends)


@pytest.mark.skipif(sys.platform == "win32", reason="deletes no open file")
async def test_a_data_folder_that_vanishes_is_reported_and_never_replaced_by_an_empty_one(
    tmp_path: Path,
) -> None:
    data_dir = tmp_path / "data"
    away = tmp_path / "away"
    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:
            transport = EmbeddedTransport(tasks, lambda: LocalOptions(data_dir=data_dir, api_key=KEY))
            async with _client(transport) as client:

                async def create(name: str) -> httpx2.Response:
                    return await client.post("/knowledge/buckets", json={"name": name})

                assert (await create("before")).status_code == 201
                data_dir.rename(away)
                for _ in range(2):
                    refused = await create("after")
                    problem = refused.json()["error"]
                    assert (refused.status_code, problem["code"]) == (503, "store_gone")
                    assert problem["retryable"] is False
                    assert str(data_dir) in problem["message"]
                assert not data_dir.exists()
                away.rename(data_dir)
                assert (await create("back")).status_code == 201
            transport.stop()
    async with open_backends(_settings(data_dir)) as backends:
        kept = await backends.of_process().client.buckets.list()
    assert [bucket.name for bucket in kept.buckets] == ["before", "back"]


@pytest.mark.skipif(sys.platform == "win32", reason="deletes no open file")
async def test_a_backend_that_stopped_does_not_start_again_on_a_folder_that_vanished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data_dir = tmp_path / "data"
    stopped = anyio.Event()

    async def fails(_: IndexingWorker) -> None:
        await stopped.wait()
        raise LookupError("on purpose")

    monkeypatch.setattr(IndexingWorker, "run", fails)
    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:
            transport = EmbeddedTransport(tasks, lambda: LocalOptions(data_dir=data_dir, api_key=KEY))
            async with _client(transport) as client:
                assert (await client.get("/knowledge/buckets")).status_code == 200
                shutil.rmtree(data_dir)
                stopped.set()

                async def ask_until_refused() -> None:
                    while True:
                        await client.get("/knowledge/buckets")

                with pytest.raises(StoreGone):
                    await ask_until_refused()
            assert not data_dir.exists()
            transport.stop()
