"""Listens where a secret could leave: log records, spans, MCP answers, and the output of child processes.

Every tap shows what passes to `see` and changes nothing else: a log record that nobody would have written is
looked at and dropped, a span counts as not recorded.
"""

from __future__ import annotations

import functools
import json
import logging
import secrets
import subprocess
import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any, Protocol
from unittest import mock

from tests.support.secret_patterns import ONE_TIME_ADDRESS

#: Bytes of randomness from which on a random text is a secret; ids have fewer.
_SECRET_BYTES = 24
#: Arguments of `upload_file` that bring content; without one it answers with a one-time address.
_SOURCES = {"path", "text", "content_base64", "url"}
#: Loggers of libraries that only tests use, or that only tests let speak: the program serves without an
#: access log, which pytest gives a handler to. What the program itself writes is seen on its stderr.
_OF_TESTS = ("uvicorn.access", "urllib3")
_NOTHING: frozenset[str] = frozenset()


class See(Protocol):
    """Looks at one text; `allowed` are the kinds of secret that may stand in it."""

    def __call__(self, where: str, text: str, *, allowed: frozenset[str] = ...) -> None: ...


@contextmanager
def all_taps(see: See, made: set[str]) -> Generator[None]:
    """Install every tap while the block lasts; random secrets made meanwhile are added to `made`.

    To be entered when all tests are imported.
    """
    with ExitStack() as taps:
        for tap in (_log_records(see), _child_output(see), _random_secrets(made)):
            taps.enter_context(tap)
        if "mcp" in sys.modules:  # a run that does not need it should not wait for its import
            taps.enter_context(_mcp_answers(see))
            from tests.support.secret_spans import watch_spans

            watch_spans(see)
        yield


@contextmanager
def _log_records(see: See) -> Generator[None]:
    """Show records of all loggers and levels, after the loggers' own filters."""
    enabled, deliver = logging.Logger.isEnabledFor, logging.Logger.callHandlers
    formatter = logging.Formatter()

    def always(_logger: logging.Logger, _level: int) -> bool:
        return True

    def call_handlers(logger: logging.Logger, record: logging.LogRecord) -> None:
        try:
            message = record.getMessage()
        except Exception:  # noqa: BLE001 - a broken record is its logger's business
            message = f"{record.msg} {record.args}"
        if record.exc_info:
            message += "\n" + formatter.formatException(record.exc_info)
        fields = getattr(record, "fields", None)
        if not record.name.startswith(_OF_TESTS):
            see(f"log record of {record.name}", f"{message} {fields}" if fields else message)
        if enabled(logger, record.levelno):
            deliver(logger, record)

    with (
        mock.patch.object(logging.Logger, "isEnabledFor", always),
        mock.patch.object(logging.Logger, "callHandlers", call_handlers),
    ):
        yield


def _child_output(see: See) -> AbstractContextManager[object]:
    """Show what child processes wrote to stderr, where a test collects it."""
    communicate = subprocess.Popen[Any].communicate

    @functools.wraps(communicate)
    def shown(process: subprocess.Popen[Any], *arguments: Any, **options: Any) -> tuple[Any, Any]:
        output = communicate(process, *arguments, **options)
        written = output[1]
        if written:
            text = written.decode(errors="replace") if isinstance(written, bytes) else str(written)
            see("stderr of a child process", text)
        return output

    return mock.patch.object(subprocess.Popen, "communicate", shown)


@contextmanager
def _mcp_answers(see: See) -> Generator[None]:
    """Show results, errors, progress and notifications as the clients of this process get them."""
    from mcp.client.session import ClientSession
    from mcp.shared.direct_dispatcher import DirectDispatcher
    from mcp.shared.exceptions import MCPError
    from mcp.shared.jsonrpc_dispatcher import JSONRPCDispatcher

    def tapped(send: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(send)
        async def send_raw_request(
            dispatcher: Any,
            method: str,
            params: Mapping[str, Any] | None,
            opts: Any = None,
            *more: Any,
            **options: Any,
        ) -> Any:
            told = (opts or {}).get("on_progress")
            if told is not None:

                async def on_progress(progress: float, total: float | None, message: str | None) -> None:
                    see("progress of an MCP call", message or "")
                    await told(progress, total, message)

                opts = {**opts, "on_progress": on_progress}
            try:
                answer = await send(dispatcher, method, params, opts, *more, **options)
            except MCPError as error:
                see(f"MCP error of {method}", f"{error.message} {error.data}")
                raise
            see(f"MCP result of {method}", json.dumps(answer, default=str), allowed=_shown_to(method, params))
            return answer

        return send_raw_request

    notified = ClientSession._on_notify

    async def on_notify(session: ClientSession, context: Any, method: str, params: Any) -> None:
        see(f"MCP notification {method}", json.dumps(params, default=str))
        await notified(session, context, method, params)

    with ExitStack() as patches:
        for dispatcher in (DirectDispatcher, JSONRPCDispatcher):
            send = tapped(dispatcher.send_raw_request)
            patches.enter_context(mock.patch.object(dispatcher, "send_raw_request", send))
        patches.enter_context(mock.patch.object(ClientSession, "_on_notify", on_notify))
        yield


def _shown_to(method: str, params: Mapping[str, Any] | None) -> frozenset[str]:
    """Return the secrets a request asks for: only an upload without a source gets an address."""
    if method != "tools/call" or not params or params.get("name") != "upload_file":
        return _NOTHING
    return _NOTHING if _SOURCES & set(params.get("arguments") or {}) else frozenset({ONE_TIME_ADDRESS})


def _random_secrets(made: set[str]) -> AbstractContextManager[object]:
    original = secrets.token_urlsafe

    def token_urlsafe(nbytes: int | None = None) -> str:
        text = original(nbytes)
        if nbytes is None or nbytes >= _SECRET_BYTES:
            made.add(text)
        return text

    return mock.patch.object(secrets, "token_urlsafe", token_urlsafe)
