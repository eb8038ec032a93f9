"""The process in which HTML and PDF are parsed; `child_process.py` starts it and never imports it.

It reads one JSON request per line and answers each with a line holding a length and that many bytes of
JSON. It ends when its input ends, even in the middle of a file, so it cannot outlive its parent.
"""

from __future__ import annotations

import json
import os
import signal
import sys
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
        body = json.dumps(_answer(json.loads(requests.get()))).encode()
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
        document = _read(request["format"], Path(request["path"]), request["max_chars"])
    except ExtractionFailed as failure:
        return {"code": failure.code, "message": failure.message}
    except MemoryError:
        return {"code": "too_large", "message": "Reading the file needs more memory than is allowed."}
    except Exception as error:  # noqa: BLE001  whatever a parser raises is about this file only
        return {"code": "broken", "message": f"The file could not be read ({type(error).__name__})."}
    return {
        "title": document.title,
        "blocks": [[block.text, block.page, block.heading_level] for block in document.blocks],
    }


def _read(file_format: str, path: Path, max_chars: int) -> Document:
    if file_format == "pdf":
        from calypso_mcp.local.indexing.formats.pdf import read_pdf

        return read_pdf(path, max_chars)
    from calypso_mcp.local.indexing.formats.html import read_html

    document = read_html(path.read_bytes())
    if len(document.text) > max_chars:
        raise ExtractionFailed("too_large", f"The page holds more than {max_chars:,} characters of text.")
    return document


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
