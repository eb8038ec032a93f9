"""One log line and one span for each tool call, joined with the API and storage requests made for it.

Arguments and results are the caller's data and appear nowhere; the text of questions only where the operator
asked for it.
"""

from __future__ import annotations

import json
import logging
import secrets
import time
from collections import Counter
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from calypso_mcp.domain.untrusted_text import clean, clean_line, clean_value
from calypso_mcp.server.metrics import Metrics

if TYPE_CHECKING:
    from calypso_mcp.client.transport.exchanges import Exchange

_log = logging.getLogger(__name__)

#: Arguments that hold a person's question.
_QUESTIONS = ("query", "question")
_LONGEST_NAME = 64
_LONGEST_QUESTION = 500
#: Request ids in a line; a batch of a thousand files makes thousands.
_MOST_REQUEST_IDS = 20


@dataclass(slots=True)
class ToolCall:
    """One call of a tool, while it runs.

    Attributes:
        call_id: Joins the log lines of one call.
        outcome: `ok`, an error code, or `cancelled`.
        question: What was asked, where the operator wants it logged.
        request_ids: The API's ids of the first requests made for it.
        counts: Number of requests by target.
    """

    tool: str
    caller: str = ""
    call_id: str = field(default_factory=lambda: secrets.token_hex(6))
    outcome: str = "ok"
    question: str = ""
    request_ids: list[str] = field(default_factory=list[str])
    counts: Counter[str] = field(default_factory=Counter[str])
    sent_bytes: int = 0

    def hear(self, exchange: Exchange) -> None:
        """Take note of a request made for this call."""
        self.counts[exchange.target] += 1
        self.sent_bytes += exchange.sent_bytes
        if exchange.request_id and len(self.request_ids) < _MOST_REQUEST_IDS:
            self.request_ids.append(exchange.request_id)

    def fields(self, seconds: float) -> dict[str, Any]:
        """Return the call as values for a structured log line."""
        fields: dict[str, Any] = {
            "call_id": self.call_id,
            "tool": self.tool,
            "caller": self.caller,
            "outcome": self.outcome,
            "ms": round(seconds * 1000),
            "requests": self.counts,
            "request_ids": self.request_ids,
        }
        return fields | ({"question": self.question} if self.question else {})


class Telemetry:
    """Reports to the operator about the calls that a server serves.

    Args:
        metrics: Counts the calls; None without metrics.
        log_questions: Whether the text of questions may be logged and traced.
    """

    def __init__(self, metrics: Metrics | None = None, *, log_questions: bool = False) -> None:
        self.metrics = metrics
        self._log_questions = log_questions

    @contextmanager
    def tool_call(
        self, tool: str, arguments: Mapping[str, Any] | None = None, *, caller: str = ""
    ) -> Generator[ToolCall]:
        """Observe one call; the block sets `outcome` where it is not `ok`."""
        from opentelemetry.trace import get_current_span

        from calypso_mcp.client.transport.exchanges import observer

        call = ToolCall(clean_line(tool, _LONGEST_NAME), caller)
        if self._log_questions and arguments:
            words = next((arguments[name] for name in _QUESTIONS if isinstance(arguments.get(name), str)), "")
            call.question = clean_line(words, _LONGEST_QUESTION)
        # The SDK has opened the span of the request already; our attributes describe the call.
        span = get_current_span()
        started = time.perf_counter()
        token = observer.set(call.hear)
        try:
            yield call
        except BaseException:
            if call.outcome == "ok":
                call.outcome = "cancelled"
            raise
        finally:
            observer.reset(token)
            seconds = time.perf_counter() - started
            span.set_attributes({"calypso.call_id": call.call_id, "calypso.outcome": call.outcome})
            if call.question:
                span.set_attribute("calypso.question", call.question)
            self._report(call, seconds)

    def _report(self, call: ToolCall, seconds: float) -> None:
        if self.metrics is not None:
            self.metrics.tool_call(call.tool, call.outcome, seconds)
            for target, count in call.counts.items():
                self.metrics.requests_made(target, count, call.sent_bytes if target == "storage" else 0)
        if not _log.isEnabledFor(logging.INFO):
            return
        fields = call.fields(seconds)
        ids = " ".join(call.request_ids)
        _log.info(
            "tool %s %s in %d ms [%s%s] api=%d storage=%d%s",
            call.tool,
            call.outcome,
            fields["ms"],
            call.call_id,
            f" {call.caller}" if call.caller else "",
            call.counts["api"],
            call.counts["storage"],
            f" requests: {ids}" if ids else "",
            extra={"fields": fields},
        )


class JsonLines(logging.Formatter):
    """Writes each record as one line of JSON, with its structured fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        fields = getattr(record, "fields", None)
        if isinstance(fields, dict):
            line |= fields
        line = clean_value(line)
        if record.exc_info:
            line["exception"] = clean(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False, separators=(",", ":"), default=str)
