"""Errors as an agent reads them: one shape, complete in the text alone and again as structure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mcp.shared.exceptions import MCPError
from mcp_types import INTERNAL_ERROR, INVALID_PARAMS, CallToolResult, PaginatedRequestParams, TextContent
from pydantic import ValidationError

from calypso_mcp.domain.cursors import unknown_cursor
from calypso_mcp.domain.untrusted_text import clean_line, clean_value
from calypso_mcp.errors import CalypsoError, InputError

#: More complaints than this about one call's arguments do not help.
_MOST_COMPLAINTS = 8
_TEXT_CHARS = 4_000
_CODE_CHARS = 200
#: What to do about an error that says nothing of it, by whether the same call may succeed later.
_NEXT_STEPS = {
    True: "Make the same call again in a while.",
    False: "Correct what the message names; if that is not possible, ask the operator.",
}
#: What a value of the wrong type should have been, by the kind of pydantic's error.
_SHAPES = {
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "dict_type": "an object",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "list_type": "a list",
    "model_type": "an object",
    "string_type": "one text",
}
#: Where the values of required arguments come from, unless the caller makes them up.
_ORIGINS = {
    "agent": "a new id, or one from list_agents with update=true",
    "buckets": "from list_buckets",
    "file_id": "from list_sources or search_bucket",
    "id": "from search",
}


def facts(error: CalypsoError) -> dict[str, Any]:
    """Return what a reader needs to act on `error`, absent facts left out."""
    found: dict[str, Any] = {
        "message": clean_line(error.message, _TEXT_CHARS),
        "code": clean_line(error.code, _CODE_CHARS),
        "retryable": error.retryable,
        "retry_after_s": error.retry_after_s,
        "next_step": clean_line(error.hint, _TEXT_CHARS) or _NEXT_STEPS[error.retryable],
        "request_id": clean_line(error.request_id or "", _CODE_CHARS) or None,
        "ids": clean_value(error.ids) or None,
    }
    return {key: value for key, value in found.items() if value is not None}


def as_text(error: CalypsoError) -> str:
    """Return the whole of `error` in a few lines."""
    found = facts(error)
    lines = [f"Error: {found['message']}", f"Code: {found['code']}", f"Retry: {_retry(error)}"]
    lines.append(f"Next: {found['next_step']}")
    if "ids" in found:
        lines.append(
            "Already exists: " + ", ".join(f"{name} {value}" for name, value in found["ids"].items())
        )
    if "request_id" in found:
        lines.append(f"Request id: {found['request_id']}")
    return "\n".join(lines)


def report(error: CalypsoError) -> CallToolResult:
    """Return `error` as a tool result."""
    return CallToolResult(
        is_error=True,
        content=[TextContent(type="text", text=as_text(error))],
        structured_content={"error": facts(error)},
    )


def protocol_error(error: CalypsoError) -> MCPError:
    """Return `error` for methods that have no result to carry it."""
    code = INVALID_PARAMS if isinstance(error, InputError) else INTERNAL_ERROR
    return MCPError(code=code, message=as_text(error))


def unexpected(reference: str) -> CalypsoError:
    """Return the error found for a crash of ours; `reference` finds it in the log."""
    return CalypsoError(
        f"The server failed unexpectedly (reference {reference}).",
        code="internal_error",
        hint="Try once more; if it fails again, give the operator the reference.",
        retryable=True,
    )


def invalid_arguments(tool: str, error: ValidationError) -> InputError:
    """Return one short line for each argument that does not fit, without the value given."""
    complaints = error.errors(include_url=False, include_context=False, include_input=False)
    lines = [_complaint(item["loc"], item["type"], item["msg"]) for item in complaints[:_MOST_COMPLAINTS]]
    if len(complaints) > len(lines):
        lines.append(f"and {len(complaints) - len(lines)} more")
    return InputError(
        "; ".join(lines) + ".",
        code="invalid_arguments",
        hint=f"Call {tool} again with correct arguments.",
    )


def require_no_cursor(params: PaginatedRequestParams, listing: str) -> None:
    """Refuse a cursor of a list that has one page.

    Raises:
        MCPError: There is one.
    """
    if params.cursor:
        raise protocol_error(unknown_cursor(listing))


def unknown_tool(name: str, offered: Sequence[str]) -> InputError:
    """Return the error for a tool that is not offered, whether or not another caller has it."""
    return InputError(
        f"There is no tool {clean_line(name, 60)!r} here.",
        code="unknown_tool",
        hint=f"Use one of: {', '.join(offered)}.",
    )


def unsupported_tool(name: str) -> InputError:
    """Return the error for a tool that needs what the backend lacks."""
    return InputError(
        f"This backend cannot do what {name} does.",
        code="not_supported",
        hint="No other tool can do it, and nothing was changed: tell the user.",
    )


def _complaint(location: tuple[int | str, ...], kind: str, message: str) -> str:
    # Union members show up as extra path segments, which mean nothing to a caller.
    names = [str(part) for part in location if isinstance(part, int) or part.isidentifier()]
    argument = ".".join(names) or "arguments"
    if kind == "missing":
        origin = f" ({_ORIGINS[argument]})" if argument in _ORIGINS else ""
        return f"{argument} is required{origin}"
    if kind == "string_pattern_mismatch":  # every pattern in a tool's schema is that of a slug
        return f"{argument} may hold a-z, 0-9 and '-', and begins with a letter or digit"
    if shape := _SHAPES.get(kind):
        return f"{argument} must be {shape}"
    text = message.removeprefix("Value error, ")
    return f"{argument}: {text[:1].lower()}{text[1:]}"


def _retry(error: CalypsoError) -> str:
    if not error.retryable:
        return "no, the same call fails again"
    if error.retry_after_s is not None:
        return f"yes, in {error.retry_after_s:g} s"
    return "yes"
