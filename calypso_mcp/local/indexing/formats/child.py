"""The process in which most files are read; `child_process.py` starts it and never imports it.

It reads one JSON request per line and answers each with a line holding a length and that many bytes of
JSON. It ends when its input ends, even in the middle of a file, so it cannot outlive its parent.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import sys
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


def main() -> None:
    """Answer requests until the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what Ctrl-C means
    give_up_network()
    answers = os.fdopen(os.dup(1), "wb")
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)  # a native library that prints must not break the protocol
    requests: SimpleQueue[bytes] = SimpleQueue()
    Thread(target=_receive, args=(sys.stdin.buffer, requests), daemon=True).start()
    while True:
        body = json.dumps(_answer(json.loads(requests.get())), ensure_ascii=False).encode(errors="replace")
        answers.write(b"%d\n" % len(body))
        answers.write(body)
        answers.flush()


def _receive(source: BinaryIO, requests: SimpleQueue[bytes]) -> None:
    for line in source:
        requests.put(line)
    os._exit(0)


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
        "blocks": [_fields(block) for block in document.blocks],
    }


def _read(request: dict[str, Any]) -> Document:
    max_chars, max_blocks = request["max_chars"], request["max_blocks"]
    data = Path(request["path"]).read_bytes()
    allowance = Allowance(recognizes=request["recognizes"])
    file = FileContent(
        data,
        request["filename"],
        request["charset"],
        max_chars,
        allowance=allowance,
        is_page=request["is_page"],
    )
    if allowance.recognizes:
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


def _fields(block: Block) -> tuple[Any, ...]:
    part = None if block.part is None else (block.part.kind, block.part.number, block.part.name)
    lines = block.line_start, block.line_end
    return (block.text, part, *lines, block.heading_level, block.is_table, block.is_aside, block.row_lines)
