"""The process in which HTML, PDF and large files are read; `child_process.py` starts it and never imports it.

It reads one JSON request per line and answers each with a line holding a length and that many bytes of
JSON. It ends when its input ends, even in the middle of a file, so it cannot outlive its parent.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from dataclasses import astuple
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any, BinaryIO

from calypso_mcp.local.indexing.documents import Document, ExtractionFailed


def main() -> None:
    """Answer requests until the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what Ctrl-C means
    os.environ.clear()  # noqa: TID251  hostile files need no secrets near them
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
    _limit(request["memory_bytes"], request["cpu_s"])
    try:
        document = _read(request)
    except ExtractionFailed as failure:
        return {"code": failure.code, "message": failure.message}
    except MemoryError:
        return {"code": "too_large", "message": "Reading the file needs more memory than is allowed."}
    except Exception as error:  # noqa: BLE001  whatever a parser raises is about this file only
        return {"code": "broken", "message": f"The file could not be read ({type(error).__name__})."}
    return {
        "title": document.title,
        "blocks": [astuple(block) for block in document.blocks],
    }


def _read(request: dict[str, Any]) -> Document:
    max_chars, max_blocks = request["max_chars"], request["max_blocks"]
    document = _parse(request["format"], Path(request["path"]), max_chars)
    if len(document.text) > max_chars or len(document.blocks) > max_blocks:
        raise ExtractionFailed(
            "too_large",
            f"The file holds more than {max_chars:,} characters or {max_blocks:,} paragraphs of text.",
        )
    return document


def _parse(file_format: str, path: Path, max_chars: int) -> Document:
    """Read with the one parser that is needed: importing the others would cost each child time."""
    if file_format == "pdf":
        from calypso_mcp.local.indexing.formats.pdf import read_pdf

        return read_pdf(path, max_chars)
    if file_format == "html":
        from calypso_mcp.local.indexing.formats.html import read_html

        return read_html(path.read_bytes())
    if file_format == "markdown":
        from calypso_mcp.local.indexing.formats.markdown import read_markdown

        return read_markdown(path.read_bytes())
    from calypso_mcp.local.indexing.formats.text import read_text

    return read_text(path.read_bytes())


def _limit(memory_bytes: int, cpu_s: int) -> None:
    """Bound this process for the next request, where the system can."""
    try:
        import resource
    except ImportError:
        return  # Windows: the parent's wall clock is the limit there
    used = resource.getrusage(resource.RUSAGE_SELF)
    spent = int(used.ru_utime + used.ru_stime) + 1
    wanted = (
        ("RLIMIT_AS", memory_bytes),
        ("RLIMIT_CPU", spent + cpu_s),
        ("RLIMIT_FSIZE", 0),
        ("RLIMIT_CORE", 0),
    )
    for name, limit in wanted:
        kind: int | None = getattr(resource, name, None)
        if kind is None:
            continue
        hard = resource.getrlimit(kind)[1]
        soft = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        try:
            resource.setrlimit(kind, (soft, hard))
        except (OSError, ValueError):
            continue  # macOS refuses some of them
