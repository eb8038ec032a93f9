"""Counters of one process in Prometheus' text format: too few to justify a client library."""

from __future__ import annotations

import bisect
import os
from collections import defaultdict
from collections.abc import Mapping

#: Content type of the text format, version 0.0.4.
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_BUCKETS_S = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
#: Label values are chosen by callers; beyond this many different ones they are counted together.
_MOST_SERIES = 500
_OTHER = "other"

_Labels = tuple[str, ...]


class Metrics:
    """What one process has served since it started; calls of none of its `tools` are counted together."""

    def __init__(self, tools: frozenset[str] = frozenset()) -> None:
        self._tools = tools
        self._calls: defaultdict[_Labels, int] = defaultdict(int)
        self._durations: defaultdict[str, list[int]] = defaultdict(lambda: [0] * (len(_BUCKETS_S) + 1))
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._requests: defaultdict[_Labels, int] = defaultdict(int)
        self._answers: defaultdict[_Labels, int] = defaultdict(int)
        self._sent_bytes = 0
        self.in_flight = 0

    def tool_call(self, tool: str, outcome: str, seconds: float) -> None:
        """Count a finished tool call."""
        name = tool if not self._tools or tool in self._tools else _OTHER
        if (name, outcome) not in self._calls and len(self._calls) >= _MOST_SERIES:
            name = outcome = _OTHER
        self._calls[name, outcome] += 1
        self._durations[name][bisect.bisect_left(_BUCKETS_S, seconds)] += 1
        self._seconds[name] += seconds

    def requests_made(self, target: str, count: int, sent_bytes: int) -> None:
        """Count requests to the API or the storage, and content sent."""
        self._requests[(target,)] += count
        self._sent_bytes += sent_bytes

    def answered(self, status: int) -> None:
        """Count an HTTP answer."""
        self._answers[(str(status),)] += 1

    def render(self) -> str:
        """Return everything in the text format."""
        worker = {"worker": str(os.getpid())}
        name = "calypso_tool_seconds"
        lines = [
            *_counter("calypso_tool_calls_total", "Tool calls.", ("tool", "outcome"), self._calls, worker),
            *_counter("calypso_requests_total", "Requests made.", ("target",), self._requests, worker),
            *_counter("calypso_http_answers_total", "HTTP answers.", ("status",), self._answers, worker),
            *_counter("calypso_sent_bytes_total", "Content sent.", (), {(): self._sent_bytes}, worker),
            "# HELP calypso_requests_in_flight Requests being served.",
            "# TYPE calypso_requests_in_flight gauge",
            f"calypso_requests_in_flight{_labels(worker)} {self.in_flight}",
            f"# HELP {name} Duration of tool calls.",
            f"# TYPE {name} histogram",
        ]
        for tool, counts in sorted(self._durations.items()):
            labels, total = {**worker, "tool": tool}, 0
            for bound, count in zip((*map(str, _BUCKETS_S), "+Inf"), counts, strict=True):
                total += count
                lines.append(f"{name}_bucket{_labels({**labels, 'le': bound})} {total}")
            lines.append(f"{name}_sum{_labels(labels)} {self._seconds[tool]:.6f}")
            lines.append(f"{name}_count{_labels(labels)} {total}")
        return "\n".join(lines) + "\n"


def _counter(
    name: str, meaning: str, label_names: _Labels, values: Mapping[_Labels, int], more: Mapping[str, str]
) -> list[str]:
    return [
        f"# HELP {name} {meaning}",
        f"# TYPE {name} counter",
        *(
            f"{name}{_labels({**more, **dict(zip(label_names, labels, strict=True))})} {value}"
            for labels, value in sorted(values.items())
        ),
    ]


def _labels(values: Mapping[str, str]) -> str:
    pairs = ",".join(f'{name}="{_escaped(value)}"' for name, value in values.items())
    return f"{{{pairs}}}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
