"""Listens to OpenTelemetry spans where nobody records them: what an operator's collector would be sent."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import Any

from opentelemetry import trace

#: Looks at one text: where it stood, and the text.
See = Callable[[str, str], None]


class _Span(trace.NonRecordingSpan):
    """Shows what it is told; counts as not recorded, so that nobody does anything differently."""

    def __init__(self, see: See) -> None:
        super().__init__(trace.INVALID_SPAN_CONTEXT)
        self._see = see

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        self._see("span", repr(attributes))

    def set_attribute(self, key: str, value: Any) -> None:
        self._see("span", f"{key}={value!r}")

    def add_event(self, name: str, attributes: Any = None, timestamp: int | None = None) -> None:
        self._see("span event", f"{name} {attributes!r} {timestamp}")

    def update_name(self, name: str) -> None:
        self._see("span", name)

    def set_status(self, status: Any, description: str | None = None) -> None:
        self._see("span status", f"{status} {description}")

    def record_exception(self, exception: BaseException, *_: Any, **__: Any) -> None:
        self._see("span exception", f"{exception!r} {exception}")


class _Tracer(trace.NoOpTracer):
    def __init__(self, see: See) -> None:
        self._see = see

    def start_span(self, name: str, *_: Any, attributes: Any = None, **__: Any) -> trace.Span:
        self._see("span", f"{name} {attributes!r}")
        return _Span(self._see)

    @contextmanager
    def start_as_current_span(  # pyright: ignore[reportIncompatibleMethodOverride] - a context manager as well
        self, name: str, *_: Any, **options: Any
    ) -> Generator[trace.Span]:
        span = self.start_span(name, **options)
        with trace.use_span(span, record_exception=options.get("record_exception", True)):
            yield span


class _Provider(trace.NoOpTracerProvider):
    def __init__(self, see: See) -> None:
        self._see = see

    def get_tracer(self, *_: Any, **__: Any) -> trace.Tracer:
        return _Tracer(self._see)


def watch_spans(see: See) -> None:
    """Show names, attributes, events and errors of all spans from now on, unless somebody records them.

    A process has one provider and keeps it, so this one stays.
    """
    if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        trace.set_tracer_provider(_Provider(see))
