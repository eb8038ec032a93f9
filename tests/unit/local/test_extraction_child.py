"""The child process: reused, limited, replaced, and gone when its parent is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path

import anyio
import docx
import pytest

from calypso_mcp.domain.uploads.declaration import Declaration
from calypso_mcp.local.indexing.child_process import ChildDied, ChildProcess, ExtractionLimits, FileToRead
from calypso_mcp.local.indexing.documents import Document, ExtractionFailed, FileContent
from calypso_mcp.local.indexing.extraction import Extractor
from calypso_mcp.local.indexing.formats.child import _bodies
from calypso_mcp.local.indexing.formats.office.reader import read_office
from calypso_mcp.local.indexing.formats.registry import choose_entry
from tests.support.pdfs import bomb_pdf, text_pdf

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals and limits")
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="Linux limits address space and has pidfd")

GOOD = text_pdf([["good text"]])


@pytest.fixture
async def extractor() -> AsyncIterator[Extractor]:
    async with Extractor(ExtractionLimits(processes=1)) as opened:
        yield opened


async def read(extractor: Extractor, folder: Path, data: bytes = GOOD, name: str = "a.pdf") -> Document:
    path = folder / f"{len(data)}-{name}"
    path.write_bytes(data)
    with anyio.fail_after(60):
        return await extractor.extract(path, Declaration(name))


def pid(extractor: Extractor) -> int:
    [child] = extractor._readers.idle
    return child._process.pid


async def test_no_process_is_started_for_text(extractor: Extractor, tmp_path: Path) -> None:
    await read(extractor, tmp_path, b"plain text", "a.txt")
    assert extractor._readers.idle == []


async def test_what_the_child_reads_arrives_as_it_is(extractor: Extractor, tmp_path: Path) -> None:
    letter = docx.Document()
    letter.add_heading("Rent")
    letter.add_table(1, 1).cell(0, 0).text = "Nine"
    letter.sections[0].footer.paragraphs[0].text = "Manual"
    target = BytesIO()
    letter.save(target)
    found = await read(extractor, tmp_path, target.getvalue(), "a.docx")
    assert found == read_office(FileContent(target.getvalue(), "a.docx"))
    assert [block.is_aside for block in found.blocks] == [False, False, True]


async def test_half_a_surrogate_pair_in_a_title_is_replaced(extractor: Extractor, tmp_path: Path) -> None:
    letter = b"Subject: =?utf-7?q?Half_+2D0-?=\r\n\r\nNine weeks."
    assert (await read(extractor, tmp_path, letter, "a.eml")).title == "Half ?"


#: Files whose reading takes a large answer: many blocks, one block of many rows, one long text.
LARGE = {
    "a.html": b"<p>x</p>" * 50_000,
    "a.yaml": b"a: |\n" + b" x\n" * 300_000,
    "a.jsonl": b"".join(b'{"k%d":1}\n' % number for number in range(100_000)),
    "a.srt": b"1\n00:00:01,000 --> 00:00:02,000\n\xc3\xa9\n\n" * 100_000,
    "a.log": "é\nx ".encode() * 500_000,
}


@pytest.mark.parametrize("name", LARGE)
async def test_a_large_answer_arrives_as_it_is_in_pieces_that_are_parsed_at_once(
    extractor: Extractor, tmp_path: Path, name: str
) -> None:
    found = await read(extractor, tmp_path, LARGE[name], name)
    expected = choose_entry(name, "", LARGE[name][:4_096]).read(FileContent(LARGE[name], name))
    assert found == expected
    head, *bodies, end = _bodies({"title": None, "blocks": list(found.blocks)})
    assert max(map(len, [head, *bodies[::3], end])) < 200_000  # of JSON, which stops all other threads


async def test_one_process_reads_many_files(extractor: Extractor, tmp_path: Path) -> None:
    await read(extractor, tmp_path)
    first = pid(extractor)
    await read(extractor, tmp_path, b"<p>page</p>", "a.html")
    with pytest.raises(ExtractionFailed):
        await read(extractor, tmp_path, b"%PDF-broken")
    assert (await read(extractor, tmp_path)).text == "good text"
    assert pid(extractor) == first


async def test_a_process_is_replaced_after_enough_files(tmp_path: Path) -> None:
    async with Extractor(ExtractionLimits(files_per_process=2)) as extractor:
        await read(extractor, tmp_path)
        first = pid(extractor)
        await read(extractor, tmp_path)
        assert extractor._readers.idle == []
        await read(extractor, tmp_path)
        assert pid(extractor) != first


async def test_files_are_read_side_by_side(tmp_path: Path) -> None:
    async with Extractor(ExtractionLimits(processes=2)) as extractor:
        async with anyio.create_task_group() as group:
            for number in range(6):
                group.start_soon(read, extractor, tmp_path, text_pdf([["x" * (number + 1)]]))
        assert len(extractor._readers.idle) == 2


@linux_only
async def test_a_bomb_fails_alone(tmp_path: Path) -> None:
    limits = ExtractionLimits(processes=1, memory_bytes=256 * 1_048_576)
    async with Extractor(limits) as extractor:
        with pytest.raises(ExtractionFailed) as caught:
            await read(extractor, tmp_path, bomb_pdf(300_000_000))
        assert caught.value.code in {"broken", "too_large"}
        assert (await read(extractor, tmp_path)).text == "good text"


async def test_a_file_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    async with Extractor(ExtractionLimits(wall_s=0.001)) as extractor:
        with pytest.raises(ExtractionFailed) as caught:
            await read(extractor, tmp_path)
        assert caught.value.code == "timeout"
        assert extractor._readers.idle == []


def test_a_machine_that_is_busy_with_other_things_has_time_for_the_processor_seconds_of_a_file() -> None:
    limits = ExtractionLimits()
    assert limits.wall_s >= 5 * limits.cpu_s


@posix_only
async def test_processor_time_is_limited(tmp_path: Path) -> None:
    page = ("<p>" + "word " * 50) * 80_000
    async with Extractor(ExtractionLimits(cpu_s=0)) as extractor:
        with pytest.raises(ExtractionFailed) as caught:
            await read(extractor, tmp_path, page.encode(), "a.html")
    assert caught.value.code == "timeout"


@pytest.mark.parametrize(("name", "part"), [("a.md", b"# h\n\nx\n"), ("a.html", b"<p>x")])
async def test_absurdly_many_paragraphs_are_too_large(tmp_path: Path, name: str, part: bytes) -> None:
    async with Extractor(ExtractionLimits(max_blocks=50)) as extractor:
        with pytest.raises(ExtractionFailed) as caught:
            await read(extractor, tmp_path, part * 100_000, name)
    assert caught.value.code == "too_large"


async def test_more_text_than_allowed_is_too_large(tmp_path: Path) -> None:
    async with Extractor(ExtractionLimits(max_chars=5)) as extractor:
        with pytest.raises(ExtractionFailed) as caught:
            await read(extractor, tmp_path, b"<p>longer than that</p>", "a.html")
    assert caught.value.code == "too_large"


@posix_only
async def test_an_idle_process_that_died_costs_no_file(extractor: Extractor, tmp_path: Path) -> None:
    await read(extractor, tmp_path)
    [child] = extractor._readers.idle
    os.kill(child._process.pid, signal.SIGKILL)
    with anyio.fail_after(30):
        await child._process.wait()
    assert (await read(extractor, tmp_path)).text == "good text"


@posix_only
@pytest.mark.parametrize(("sent", "code"), [("SIGKILL", "indexing_stopped"), ("SIGSEGV", "broken")])
async def test_only_a_crash_of_its_reader_is_the_fault_of_a_file(
    extractor: Extractor, tmp_path: Path, sent: str, code: str
) -> None:
    async def die(child: ChildProcess, limits: ExtractionLimits) -> Document:
        os.kill(child._process.pid, getattr(signal, sent))
        return await child.read(FileToRead(tmp_path / "any", "pdf"), limits)

    with anyio.fail_after(30), pytest.raises(ExtractionFailed) as caught:
        await extractor._readers.ask(die)
    assert caught.value.code == code


@posix_only
async def test_a_process_that_dies_at_work_fails_its_file_only(tmp_path: Path) -> None:
    child = await ChildProcess.start()
    try:
        os.kill(child._process.pid, signal.SIGKILL)
        with anyio.fail_after(30), pytest.raises(ChildDied):
            await child.read(FileToRead(tmp_path / "any", "pdf"), ExtractionLimits())
    finally:
        await child.close()


async def test_a_cancelled_read_leaves_no_process(extractor: Extractor, tmp_path: Path) -> None:
    path = tmp_path / "slow.html"
    path.write_bytes(("<p>" + "word " * 50).encode() * 80_000)
    with anyio.move_on_after(0.2) as scope:
        await extractor.extract(path, Declaration("slow.html"))
    assert scope.cancelled_caught
    assert extractor._readers.idle == []
    assert (await read(extractor, tmp_path)).text == "good text"


async def test_leaving_the_extractor_ends_its_processes(tmp_path: Path) -> None:
    async with Extractor() as extractor:
        await read(extractor, tmp_path)
        [child] = extractor._readers.idle
    assert not child.is_alive


@posix_only
async def test_a_process_is_killed_with_one_signal(
    extractor: Extractor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before a second one, Python would look whether it has ended, and lose its exit status if it has."""

    def kill(_pid: int, _signal: int) -> None:
        pytest.fail("It was killed with its group.")

    await read(extractor, tmp_path)
    [child] = extractor._readers.idle
    monkeypatch.setattr(os, "kill", kill)
    assert await child.close() == -signal.SIGKILL


@posix_only
async def test_the_child_has_a_group_of_its_own_in_the_session_of_its_parent(
    extractor: Extractor, tmp_path: Path
) -> None:
    """Linux divides processors among sessions first: in another one, its low priority would not count."""
    await read(extractor, tmp_path)
    child = pid(extractor)
    assert (os.getpgid(child), os.getsid(child)) == (child, os.getsid(0))


async def test_the_child_ends_when_its_input_ends() -> None:
    child = await ChildProcess.start()
    try:
        assert child._process.stdin is not None
        await child._process.stdin.aclose()
        with anyio.fail_after(20):
            await child._process.wait()
    finally:
        await child.close()


@linux_only
async def test_the_child_ends_in_the_middle_of_a_file_when_its_parent_is_killed(tmp_path: Path) -> None:
    """The parent is a Python of its own, killed without a chance to clean up."""
    page = tmp_path / "slow.html"
    page.write_bytes(("<p>" + "word " * 50).encode() * 80_000)
    program = (
        "import anyio, pathlib, sys\n"
        "from calypso_mcp.local.indexing.child_process import *\n"
        "async def main():\n"
        "    child = await ChildProcess.start()\n"
        "    print(child._process.pid, flush=True)\n"
        "    await child.read(FileToRead(pathlib.Path(sys.argv[1]), 'html'), ExtractionLimits())\n"
        "anyio.run(main)\n"
    )
    async with await anyio.open_process(
        [sys.executable, "-c", program, str(page)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as parent:
        assert parent.stdout is not None
        with anyio.fail_after(20):
            child = os.pidfd_open(int(await parent.stdout.receive()))
        parent.kill()
    try:
        with anyio.fail_after(20):
            await anyio.wait_readable(child)  # it is when the process has ended
    finally:
        os.close(child)


async def test_modules_in_the_current_folder_are_not_taken_for_the_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit(3)")
    monkeypatch.chdir(tmp_path)
    async with Extractor() as extractor:
        assert (await read(extractor, tmp_path)).text == "good text"
