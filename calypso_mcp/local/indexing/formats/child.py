"""The process in which most files are read; `child_process.py` starts it and never imports it.

It reads one JSON request per line. Each answer consists of bodies, each behind a line that holds its length:
JSON, then for some of the blocks at a time JSON about them, their texts and the lines of their rows, then an
empty body. It ends when its input ends, even in the middle of a file, so it cannot outlive its parent.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import sys
import time
from array import array
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any, BinaryIO

from calypso_mcp.local.indexing.documents import (
    Allowance,
    Block,
    Document,
    ExtractionFailed,
    FileContent,
)
from calypso_mcp.local.indexing.formats.child_sandbox import give_up_network, lower_priority, set_limits
from calypso_mcp.local.indexing.formats.registry import entry_of

_BLOCKS_AT_ONCE = 1_000

#: Seconds in which text recognition begins with pictures in a file: then there is time left to read the last.
_RECOGNITION_S = 600.0


def main() -> None:
    """Answer requests until the input ends."""
    if sys.platform != "win32":
        # With its own group, what it starts (tesseract) ends with it. It stays in its session: Linux divides
        # processors among sessions before it looks at priorities.
        os.setpgid(0, 0)
    give_up_network()
    answers = os.fdopen(os.dup(1), "wb")
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)  # a native library that prints must not break the protocol
    requests: SimpleQueue[bytes] = SimpleQueue()
    Thread(target=_receive, args=(sys.stdin.buffer, requests), daemon=True).start()
    while True:
        for body in _bodies(_answer(json.loads(requests.get()))):
            answers.write(b"%d\n" % len(body))
            answers.write(body)
        answers.flush()


def _receive(source: BinaryIO, requests: SimpleQueue[bytes]) -> None:
    for line in source:
        requests.put(line)
    if sys.platform != "win32":
        os.killpg(os.getpid(), signal.SIGKILL)  # with what it has started
    os._exit(0)


def _bodies(answer: dict[str, Any]) -> Iterator[bytes]:
    """Yield an answer as it is sent.

    While the parent parses JSON, none of its other threads runs. Each body of JSON therefore takes it few
    milliseconds, and texts and numbers of lines, of which one block may have millions, are sent as they are.
    """
    blocks: list[Block] = answer.pop("blocks", [])
    yield _encode(answer)
    for start in range(0, len(blocks), _BLOCKS_AT_ONCE):
        together = blocks[start : start + _BLOCKS_AT_ONCE]
        texts = [block.text.encode(errors="replace") for block in together]
        fields = [_fields(block, len(text)) for block, text in zip(together, texts, strict=True)]
        yield _encode(fields)
        yield b"".join(texts)
        yield array(
            "I", [line for block in together for lines in block.row_lines for line in lines]
        ).tobytes()
    yield b""


def _encode(answer: object) -> bytes:
    """Return `answer` as JSON without halves of surrogate pairs, which nothing can store."""
    return json.dumps(answer, ensure_ascii=False).encode(errors="replace")


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    set_limits(request["memory_bytes"], request["cpu_s"])
    try:
        if "page" in request:
            return {"picture": _draw(request)}
        document = _read(request)
    except ExtractionFailed as failure:
        return {"code": failure.code, "message": failure.message}
    except MemoryError:
        return {"code": "too_large", "message": "Reading the file needs more memory than allowed."}
    except Exception as error:  # noqa: BLE001  whatever a parser raises is about this file only
        return {"code": "broken", "message": f"The file could not be read ({type(error).__name__})."}
    return {
        "title": document.title,
        "tags": document.tags,
        "warnings": document.warnings,
        "shows_unread_text": document.shows_unread_text,
        "blocks": list(document.blocks),
    }


def _read(request: dict[str, Any]) -> Document:
    max_chars, max_blocks = request["max_chars"], request["max_blocks"]
    data = Path(request["path"]).read_bytes()
    allowance = Allowance(recognizes_until=time.monotonic() + _RECOGNITION_S * request["recognizes"])
    file = FileContent(
        data,
        request["filename"],
        request["charset"],
        max_chars,
        allowance=allowance,
        is_page=request["is_page"],
    )
    if request["recognizes"]:
        lower_priority()
    document = entry_of(request["format"]).read(file)
    if len(document.text) > max_chars or len(document.blocks) > max_blocks:
        raise ExtractionFailed(
            "too_large",
            f"The file holds more than {max_chars:,} characters or {max_blocks:,} paragraphs of text.",
        )
    return replace(document, shows_unread_text=document.shows_unread_text or allowance.left_pictures)


def _draw(request: dict[str, Any]) -> str:
    from calypso_mcp.local.indexing.formats.pdf.drawing import draw_page

    return base64.b64encode(draw_page(Path(request["path"]).read_bytes(), request["page"])).decode()


def _fields(block: Block, text_bytes: int) -> tuple[Any, ...]:
    part = None if block.part is None else (block.part.kind, block.part.number, block.part.name)
    lines = block.line_start, block.line_end
    sizes = text_bytes, len(block.row_lines)
    return (*sizes, part, *lines, block.heading_level, block.is_table, block.is_aside)
