"""A Calypso API that stores nothing, as fast as Python allows: the loopback peer of the upload benchmarks.

Started as a process of its own, it prints its port, answers the batch and single upload endpoints and
swallows PUT bodies, each after a chosen delay, over TLS if it is given a certificate. `GET /stats` tells how
many requests of each kind came.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import ssl
import sys
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

_READ_BYTES = 1 << 20


@dataclass
class Sink:
    """State of one sink: the delay of every PUT, and what it has seen."""

    put_delay_s: float
    origin: str = ""
    requests: Counter[str] = field(default_factory=Counter[str])
    bytes_stored: int = 0
    batches: dict[str, list[str]] = field(default_factory=dict[str, list[str]])

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer requests on one connection until the peer closes it."""
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                await self._answer(head, reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request_line, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = request_line.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        path = target.partition("?")[0]
        if method == "PUT":
            await self._swallow(int(headers["content-length"]), reader)
            await asyncio.sleep(self.put_delay_s)
            self.requests["put"] += 1
            body: Any = {"name": "object"}
        else:
            raw = await reader.readexactly(int(headers.get("content-length", "0")))
            body = self._json_answer(method, path, json.loads(raw) if raw else {})
        content = json.dumps(body).encode()
        writer.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(content)
            + content
        )
        await writer.drain()

    async def _swallow(self, length: int, reader: asyncio.StreamReader) -> None:
        left = length
        while left:
            block = await reader.read(min(left, _READ_BYTES))
            if not block:
                raise ConnectionError
            left -= len(block)
        self.bytes_stored += length

    def _json_answer(self, method: str, path: str, body: dict[str, Any]) -> Any:
        if path == "/stats":
            return {"requests": dict(self.requests), "bytes": self.bytes_stored}
        self.requests[f"{method} {path.split('/batch_', maxsplit=1)[0]}"] += 1
        if path.endswith("/knowledge/buckets"):
            return {"team_id": "t", "buckets": [{"id": "bucket_1", "slug": "bench", "name": "bench"}]}
        if path.endswith("/rag-agent/models"):
            return {"object": "rag_agent_model_list", "team_id": "t", "data": []}
        if path.endswith("files:batch/upload-session"):
            return self._create_batch(body)
        batch_id = path.split("/")[-2] if path.endswith("/finalize") else path.rsplit("/", maxsplit=1)[-1]
        items = self.batches.get(batch_id, [])
        if path.endswith("/finalize"):
            finalized = [
                {"client_file_id": i, "session_id": f"s{i}", "knowledge_id": f"f{i}", "task_id": f"t{i}"}
                for i in items
            ]
            return {"batch_id": batch_id, "status": "finalized", "finalized": finalized}
        states = [
            {"client_file_id": i, "status": "active", "knowledgeId": f"f{i}", "bucketSyncStatus": "active"}
            for i in items
        ]
        return {"id": batch_id, "status": "active", "total": len(items), "items": states}

    def _create_batch(self, body: dict[str, Any]) -> Any:
        ids = [item["client_file_id"] for item in body["files"]]
        batch_id = f"batch_{len(self.batches)}"
        self.batches[batch_id] = ids
        accepted = [
            {
                "client_file_id": i,
                "session_id": f"s{i}",
                "upload_url": f"{self.origin}/upload/{batch_id}/{i}",
                "expires_at": "2099-01-01T00:00:00Z",
            }
            for i in ids
        ]
        return {
            "batch_id": batch_id,
            "upload_strategy": "gcs_resumable",
            "accepted": accepted,
            "rejected": [],
        }


async def main() -> None:
    """Serve on a free loopback port until standard input ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--put-delay-ms", type=float, default=0)
    parser.add_argument("--certificate", help="PEM file with the key and the certificate of this host's name")
    arguments = parser.parse_args()
    sink = Sink(arguments.put_delay_ms / 1000)
    tls, scheme, host = None, "http", "127.0.0.1"
    if arguments.certificate:
        tls, scheme, host = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), "https", socket.gethostname()
        tls.load_cert_chain(arguments.certificate)
    server = await asyncio.start_server(sink.serve, host, 0, limit=_READ_BYTES, ssl=tls)
    sink.origin = f"{scheme}://{host}:{server.sockets[0].getsockname()[1]}"
    print(sink.origin, flush=True)
    async with server:
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
