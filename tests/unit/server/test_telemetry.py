import asyncio
import json
import logging

import pytest
from opentelemetry import trace

from calypso_mcp.client.transport.exchanges import Exchange, exchange
from calypso_mcp.server.metrics import Metrics
from calypso_mcp.server.telemetry import JsonLines, Telemetry, ToolCall


def called(telemetry: Telemetry, caplog: pytest.LogCaptureFixture) -> dict[str, object]:
    with (
        caplog.at_level(logging.INFO),
        telemetry.tool_call("upload_file", {"query": "salary of Ann"}, caller="hr"),
    ):
        with exchange("api", "POST", "/v1/knowledge/files/upload-session") as made:
            made.status, made.request_id = 201, "req_1"
        with exchange("storage", "PUT", sent_bytes=1234) as made:
            made.status = 200
    line = JsonLines().format(caplog.records[-1])
    assert "\n" not in line
    return json.loads(line)


def test_one_line_joins_the_call_with_the_requests_made_for_it(caplog: pytest.LogCaptureFixture) -> None:
    line = called(Telemetry(), caplog)
    assert line["tool"] == "upload_file"
    assert line["caller"] == "hr"
    assert line["outcome"] == "ok"
    assert line["requests"] == {"api": 1, "storage": 1}
    assert line["request_ids"] == ["req_1"]
    assert str(line["call_id"]) in caplog.text


def test_of_very_many_requests_the_first_ids_are_logged() -> None:
    call = ToolCall("upload_batch")
    for number in range(1_000):
        call.hear(Exchange("api", request_id=f"req_{number}"))
    assert call.fields(1.0)["requests"] == {"api": 1_000}
    assert call.fields(1.0)["request_ids"] == [f"req_{number}" for number in range(20)]


def test_a_question_is_logged_only_where_the_operator_asked_for_it(caplog: pytest.LogCaptureFixture) -> None:
    assert "salary" not in json.dumps(called(Telemetry(), caplog))
    assert called(Telemetry(log_questions=True), caplog)["question"] == "salary of Ann"


class RecordedSpan(trace.NonRecordingSpan):
    def __init__(self, told: list[object]) -> None:
        super().__init__(trace.INVALID_SPAN_CONTEXT)
        self._told = told

    def is_recording(self) -> bool:
        return True

    def record_exception(self, exception: BaseException, *_: object, **__: object) -> None:
        self._told.append(exception)

    def set_status(self, status: object, description: str | None = None) -> None:
        self._told.append((status, description))

    def end(self, end_time: int | None = None) -> None:
        self._told.append(("end", end_time))


class RecordingTracer(trace.NoOpTracer):
    def __init__(self) -> None:
        self.told: list[object] = []

    def start_span(self, *_: object, **__: object) -> trace.Span:
        return RecordedSpan(self.told)


def test_the_span_of_a_request_that_fails_ends_without_what_the_error_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tracer = RecordingTracer()

    def get_tracer(_: str) -> trace.Tracer:
        return tracer

    monkeypatch.setattr(trace, "get_tracer", get_tracer)
    with pytest.raises(LookupError), exchange("api", "GET"):
        raise LookupError("salary of Ann")
    assert tracer.told == [("end", None)]


def test_a_cancelled_call_says_so(caplog: pytest.LogCaptureFixture) -> None:
    metrics = Metrics()
    with (
        caplog.at_level(logging.INFO),
        pytest.raises(asyncio.CancelledError),
        Telemetry(metrics).tool_call("wait_for_bucket_sync"),
    ):
        raise asyncio.CancelledError
    assert "cancelled" in caplog.text
    assert 'outcome="cancelled"} 1' in metrics.render()


async def test_requests_of_concurrent_calls_do_not_mix() -> None:
    telemetry = Telemetry()
    started = asyncio.Event()

    async def call(requests: int) -> int:
        with telemetry.tool_call("search_bucket") as made:
            if not started.is_set():
                started.set()
                await asyncio.sleep(0)
            for _ in range(requests):
                with exchange("api", "GET", "/v1/x"):
                    await asyncio.sleep(0)
        return made.counts["api"]

    assert await asyncio.gather(call(1), call(2), call(3)) == [1, 2, 3]


def test_a_tool_name_cannot_forge_a_log_line(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO), Telemetry().tool_call("x\nINFO forged" + "y" * 500):
        pass
    assert "\n" not in caplog.records[-1].getMessage()
    assert len(caplog.records[-1].getMessage()) < 300


def test_an_exception_is_part_of_its_json_line() -> None:
    with pytest.raises(ValueError, match="boom") as caught:
        int("boom")
    error = caught.value
    record = logging.LogRecord(
        "x", logging.ERROR, "f", 1, "failed", None, (type(error), error, error.__traceback__)
    )
    line = JsonLines().format(record)
    assert "\n" not in line
    assert "boom" in json.loads(line)["exception"]
