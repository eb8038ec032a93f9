from __future__ import annotations

import h11
import pytest

from calypso_mcp.cli.process.http_connections import HttpExchange


@pytest.mark.parametrize(
    ("framing", "at_once"),
    [([("content-length", "4")], True), ([("transfer-encoding", "chunked")], False)],
)
def test_the_head_of_an_answer_waits_for_its_body_only_where_its_length_is_known(
    framing: list[tuple[str, str]], at_once: bool
) -> None:
    exchange = HttpExchange(h11.SERVER)
    for body in (b"body", b""):
        exchange.receive_data(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
        while exchange.next_event() is not h11.NEED_DATA and exchange.their_state is not h11.DONE:
            pass
        headers = framing if body else [("content-length", "0")]
        head = exchange.send(h11.Response(status_code=200, headers=headers))
        first = exchange.send(h11.Data(data=body))
        rest = exchange.send(h11.EndOfMessage())
        written = head + first + rest
        assert written.startswith(b"HTTP/1.1 200")
        assert written.count(b"HTTP/1.1") == 1
        assert body in written
        assert (head == b"") == (at_once or not body)
        assert first.endswith(body or b"\r\n\r\n") or not at_once
        exchange.start_next_cycle()
