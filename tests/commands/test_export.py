"""`calypso-mcp export`: what was stored comes back as it was, under names that every disk takes."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any
from unicodedata import normalize

import pytest

from calypso_mcp.api.sources import Source
from calypso_mcp.cli.commands.sources.export import Export
from tests.commands.processes import run


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    (folder / "hr").mkdir(parents=True)
    (folder / "hr" / "leave.md").write_text("# Leave\n\nEvery employee has 27 days of leave.\n")
    (folder / "über.txt").write_bytes("Grüße\r\n".encode("latin-1"))
    where = ("--data-dir", str(tmp_path / "data"))
    uploaded = run(
        "upload", str(folder), "--bucket", "docs", "--create-bucket", "--tag", "hr", "--wait", *where
    )
    assert uploaded.returncode == 0, uploaded.stderr
    return tmp_path / "data"


def test_files_come_back_as_they_were_with_a_manifest(data: Path, tmp_path: Path) -> None:
    exported = run("export", "docs", str(tmp_path / "out"), "--data-dir", str(data))
    assert exported.returncode == 0, exported.stderr
    assert exported.stdout == f"Sources in {tmp_path / 'out'}: 2. manifest.json describes them.\n"
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text("utf-8"))
    assert manifest["bucket"]["slug"] == "docs"
    by_name: dict[str, Any] = {source["name"]: source for source in manifest["sources"]}
    for name, source in by_name.items():
        content = (tmp_path / "out" / source["file"]).read_bytes()
        assert content == (tmp_path / "docs" / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == source["sha256"]
        assert (source["tags"], source["kind"]) == (["hr"], "file")
    assert set(by_name) == {"hr/leave.md", "über.txt"}


def test_content_that_was_damaged_in_the_store_is_not_exported_as_if_it_were_whole(
    data: Path, tmp_path: Path
) -> None:
    for blob in [path for path in (data / "blobs").rglob("*") if path.is_file()]:
        blob.chmod(0o600)
        blob.write_bytes(blob.read_bytes()[:-1] + b"?")
    refused = run("export", "docs", str(tmp_path / "out"), "--data-dir", str(data))
    assert refused.returncode == 1
    assert "differs from the stored content" in refused.stderr
    assert not (tmp_path / "out" / "manifest.json").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("docs", "taken"), 2, "is not empty"),
        (("nowhere", "out"), 1, "no bucket 'nowhere' here. Name one from `calypso-mcp list`"),
        (("docs", "out", "--bucket", "other"), 1, "no bucket 'docs'"),
    ],
)
def test_nothing_is_overwritten_and_nothing_out_of_scope_exported(
    data: Path, tmp_path: Path, arguments: tuple[str, ...], code: int, words: str
) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "mine.txt").write_text("mine")
    bucket, folder, *flags = arguments
    refused = run("export", bucket, str(tmp_path / folder), *flags, "--data-dir", str(data))
    assert refused.returncode == code
    assert words in refused.stderr
    assert [file.name for file in (tmp_path / "taken").iterdir()] == ["mine.txt"]
    assert not (tmp_path / "out").exists()


def source(file_id: str, name: str) -> Source:
    return Source.model_validate({"id": file_id, "name": name})


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "/etc/passwd",
        "..",
        ".",
        "",
        "a/../../b",
        "C:\\x",
        "nul",
        "con.txt",
        "a:b?.md",
        "x" * 300,
        "é" * 300,
        "\U00020000" * 90 + ".md",
        "a\ud800.md",
        "/".join(["d" * 100] * 60),
    ],
)
def test_no_name_leads_out_of_the_folder(name: str, tmp_path: Path) -> None:
    export = Export(tmp_path)
    places = {export._choose_place(source(f"file_{number}", name)) for number in range(2)}
    assert len(places) == 2
    for place in places:
        assert (tmp_path / place).resolve().is_relative_to(tmp_path.resolve() / "files")
        assert all(0 < len(part.encode()) <= 255 and part not in (".", "..") for part in place.split("/"))
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).touch()


@pytest.mark.parametrize(
    "names",
    [
        ("README.md", "readme.md"),
        ("a", "a/b"),
        ("a/b", "A"),
        ("a/b/c", "a/b"),
        ("\u00e9.md", "e\u0301.md"),
        ("file_1", "file_1/file_1", "file_1"),
    ],
)
def test_names_that_a_disk_cannot_tell_apart_stay_apart(names: tuple[str, ...], tmp_path: Path) -> None:
    export = Export(tmp_path)
    for number, name in enumerate(names):
        path = tmp_path / normalize("NFC", export._choose_place(source(f"file_{number}", name)).casefold())
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x"):
            pass
