"""One request and its answer: reported to observers, traced, and free of secrets.

An observer is set for a context (a tool call), so exchanges of concurrent calls do not mix. Upload addresses
never appear: a storage exchange has no path.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Literal

Target = Literal["api", "storage"]


@dataclass(slots=True)
class Exchange:
    """One request and its answer.

    Attributes:
        target: The API, or the storage behind an upload address.
        sent_bytes: Length of the file content sent.
        request_id: The API's id of the request, for support.
    """

    target: Target
    sent_bytes: int = 0
    status: int | None = None
    request_id: str | None = None


Observer = Callable[[Exchange], None]

#: Called with each exchange made in this context.
observer: ContextVar[Observer | None] = ContextVar("calypso_exchange_observer", default=None)


@contextmanager
def exchange(target: Target, method: str, path: str = "", sent_bytes: int = 0) -> Generator[Exchange]:
    """Observe and trace one exchange; the block fills in `status` and `request_id` when it knows them."""
    from opentelemetry.trace import SpanKind, get_tracer, use_span

    made = Exchange(target, sent_bytes)
    span = get_tracer("calypso-mcp").start_span(f"{target} {method}", kind=SpanKind.CLIENT)
    # Exceptions are left out of the span: their text may quote what a server or a person wrote.
    with use_span(span, end_on_exit=True, record_exception=False, set_status_on_exception=False):
        try:
            yield made
        finally:
            span.set_attribute("http.request.method", method)
            if path:
                span.set_attribute("url.path", path)
            if sent_bytes:
                span.set_attribute("http.request.body.size", sent_bytes)
            if made.status is not None:
                span.set_attribute("http.response.status_code", made.status)
            if made.request_id:
                span.set_attribute("calypso.request_id", made.request_id)
            heard_by = observer.get()
            if heard_by is not None:
                heard_by(made)
