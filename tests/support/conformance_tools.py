"""Tools with the names and answers that the MCP conformance suite asks a server for."""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import anyio
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.server import require_client_extension
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INTERNAL_ERROR,
    MISSING_REQUIRED_CLIENT_CAPABILITY,
    AudioContent,
    CallToolResult,
    CreateMessageRequest,
    CreateMessageRequestParams,
    ElicitRequest,
    ElicitRequestFormParams,
    EmbeddedResource,
    ImageContent,
    InputRequests,
    InputRequiredResult,
    ListRootsRequest,
    SamplingMessage,
    TextContent,
    TextResourceContents,
)
from pydantic import Field

from calypso_mcp.errors import ContentError
from calypso_mcp.server.tasks.extension import TASKS

#: One red pixel.
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
#: No sound at all.
WAV = base64.b64encode(
    b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x40\x1f\0\0\x80\x3e\0\0\2\0\x10\0data\0\0\0\0"
).decode()
Answer = CallToolResult | InputRequiredResult


def said(*content: Any) -> CallToolResult:
    return CallToolResult(
        content=[
            TextContent(type="text", text=entry) if isinstance(entry, str) else entry for entry in content
        ]
    )


def form(message: str, name: str, kind: str = "string") -> ElicitRequest:
    schema = {"type": "object", "properties": {name: {"type": kind}}, "required": [name]}
    return ElicitRequest(params=ElicitRequestFormParams(message=message, requested_schema=schema))


def _sample(text: str, tokens: int) -> CreateMessageRequest:
    message = SamplingMessage(role="user", content=TextContent(type="text", text=text))
    return CreateMessageRequest(params=CreateMessageRequestParams(messages=[message], max_tokens=tokens))


def _answered(context: Context[Any, Any], name: str) -> dict[str, Any] | None:
    """Return the client's answer to what was asked as `name`; None while there is none."""
    answer = (context.input_responses or {}).get(name)
    return None if answer is None else answer.model_dump(mode="json", by_alias=True)


async def test_simple_text() -> CallToolResult:
    return said("This is a simple text response for testing.")


async def test_image_content() -> CallToolResult:
    return said(ImageContent(type="image", data=PNG, mime_type="image/png"))


async def test_audio_content() -> CallToolResult:
    return said(AudioContent(type="audio", data=WAV, mime_type="audio/wav"))


def embedded(uri: str, text: str, mime_type: str = "text/plain") -> EmbeddedResource:
    return EmbeddedResource(
        type="resource", resource=TextResourceContents(uri=uri, text=text, mime_type=mime_type)
    )


async def test_embedded_resource() -> CallToolResult:
    return said(embedded("test://embedded-resource", "This is an embedded resource content."))


async def test_multiple_content_types() -> CallToolResult:
    return said(
        "Multiple content types test:",
        ImageContent(type="image", data=PNG, mime_type="image/png"),
        embedded("test://mixed-content-resource", '{"test":"data","value":123}', "application/json"),
    )


async def test_error_handling() -> CallToolResult:
    raise ContentError("This tool intentionally returns an error for testing", hint="Expect nothing else.")


async def test_tool_with_progress(context: Context[Any, Any]) -> CallToolResult:
    for step in (0, 50, 100):
        await context.report_progress(step, 100)
        await anyio.sleep(0.05)  # the suite asks for pauses of 50 ms
    return said("Done.")


async def test_logging_tool() -> CallToolResult:
    return said("Nothing was logged to the client.")


async def json_schema_2020_12_tool() -> CallToolResult:
    return said("ok")


async def test_header_parameter(
    region: Annotated[str, Field(json_schema_extra={"x-mcp-header": "Region"})],
) -> CallToolResult:
    return said(region)


async def test_missing_capability(context: Context[Any, Any]) -> CallToolResult:
    capabilities = context.client_capabilities
    if capabilities is None or capabilities.sampling is None:
        raise MCPError(
            code=MISSING_REQUIRED_CLIENT_CAPABILITY,
            message="This tool needs sampling.",
            data={"requiredCapabilities": {"sampling": {}}},
        )
    return said("Sampling is there.")


async def test_streaming_elicitation(context: Context[Any, Any]) -> Answer:
    await context.report_progress(1, 2)
    if _answered(context, "name") is None:
        return InputRequiredResult(input_requests={"name": form("What is your name?", "name")})
    return said("Done.")


async def test_input_required_result_elicitation(context: Context[Any, Any]) -> Answer:
    answer = _answered(context, "user_name")
    if answer is None:
        return InputRequiredResult(input_requests={"user_name": form("What is your name?", "name")})
    return said(f"Hello, {(answer.get('content') or {}).get('name')}!")


async def test_input_required_result_sampling(context: Context[Any, Any]) -> Answer:
    answer = _answered(context, "capital_question")
    if answer is None:
        asked = _sample("What is the capital of France?", 100)
        return InputRequiredResult(input_requests={"capital_question": asked})
    return said(json.dumps(answer["content"]))


async def test_input_required_result_list_roots(context: Context[Any, Any]) -> Answer:
    answer = _answered(context, "client_roots")
    if answer is None:
        return InputRequiredResult(input_requests={"client_roots": ListRootsRequest()})
    return said(json.dumps(answer["roots"]))


async def _confirmed(context: Context[Any, Any]) -> Answer:
    if context.request_state != "round 1":
        asked: InputRequests = {"confirm": form("Please confirm", "ok", "boolean")}
        return InputRequiredResult(input_requests=asked, request_state="round 1")
    return said("state-ok")


async def test_input_required_result_request_state(context: Context[Any, Any]) -> Answer:
    return await _confirmed(context)


async def test_input_required_result_tampered_state(context: Context[Any, Any]) -> Answer:
    return await _confirmed(context)


async def test_input_required_result_multiple_inputs(context: Context[Any, Any]) -> Answer:
    asked: InputRequests = {
        "user_name": form("What is your name?", "name"),
        "greeting": _sample("Generate a greeting", 50),
        "client_roots": ListRootsRequest(),
    }
    if context.request_state != "asked" or set(context.input_responses or {}) != set(asked):
        return InputRequiredResult(input_requests=asked, request_state="asked")
    return said("All three were answered.")


async def test_input_required_result_multi_round(context: Context[Any, Any]) -> Answer:
    if context.request_state == "round 2" and _answered(context, "step2"):
        return said("Both were answered.")
    if context.request_state == "round 1" and _answered(context, "step1"):
        asked: InputRequests = {"step2": form("Step 2: What is your favorite color?", "color")}
        return InputRequiredResult(input_requests=asked, request_state="round 2")
    first: InputRequests = {"step1": form("Step 1: What is your name?", "name")}
    return InputRequiredResult(input_requests=first, request_state="round 1")


async def test_input_required_result_capabilities(context: Context[Any, Any]) -> Answer:
    known = context.client_capabilities
    asked: dict[str, Any] = {}
    if known is not None and known.sampling is not None:
        asked["greeting"] = _sample("Generate a greeting", 50)
    if known is not None and known.elicitation is not None:
        asked["user_name"] = form("What is your name?", "name")
    return InputRequiredResult(input_requests=asked) if asked else said("Nothing to ask with.")


#: After how many seconds a call becomes a task on the server with these tools, and how long they take.
TASK_AFTER_S = 0.2
_LONG_S = 0.5


async def greet(name: str) -> CallToolResult:
    return said(f"Hello, {name}!")


async def slow_compute(seconds: float = 0, label: str = "", timeout_s: int = 100) -> CallToolResult:
    await anyio.sleep(min(max(seconds, _LONG_S), timeout_s))
    return said(f"Computed {label}.")


async def failing_job(context: Context[Any, Any], timeout_s: int = 45) -> CallToolResult:
    require_client_extension(context.request_context, TASKS)
    await anyio.sleep(min(_LONG_S, timeout_s))
    raise ContentError("The job failed.", hint="Expect nothing else.")


async def protocol_error_job(timeout_s: int = 45) -> CallToolResult:
    await anyio.sleep(min(_LONG_S, timeout_s))
    raise MCPError(code=INTERNAL_ERROR, message="The job met a protocol error.")


async def _asked_late(context: Context[Any, Any], asked: InputRequests, timeout_s: int) -> Answer:
    await anyio.sleep(min(_LONG_S, timeout_s))
    if set(asked) - set(context.input_responses or {}):
        return InputRequiredResult(input_requests=asked)
    return said("Answered.")


async def confirm_delete(context: Context[Any, Any], filename: str = "", timeout_s: int = 45) -> Answer:
    return await _asked_late(context, {"confirm": form(f"Delete {filename}?", "confirm")}, timeout_s)


async def multi_input(context: Context[Any, Any], timeout_s: int = 45) -> Answer:
    asked: InputRequests = {name: form(f"What is your {name}?", "name") for name in ("first", "second")}
    return await _asked_late(context, asked, timeout_s)


async def test_tool_with_task(
    context: Context[Any, Any], timeout_s: Annotated[int, Field(default=45)]
) -> Answer:
    answer = _answered(context, "user_name")
    if answer is None:
        return InputRequiredResult(input_requests={"user_name": form("What is your name?", "name")})
    await anyio.sleep(min(_LONG_S, timeout_s))
    return said(f"Hello, {(answer.get('content') or {}).get('name')}!")


TOOLS: tuple[Callable[..., Awaitable[Answer]], ...] = (
    test_simple_text,
    test_image_content,
    test_audio_content,
    test_embedded_resource,
    test_multiple_content_types,
    test_error_handling,
    test_tool_with_progress,
    test_logging_tool,
    json_schema_2020_12_tool,
    test_header_parameter,
    test_missing_capability,
    test_streaming_elicitation,
    test_input_required_result_elicitation,
    test_input_required_result_sampling,
    test_input_required_result_list_roots,
    test_input_required_result_request_state,
    test_input_required_result_tampered_state,
    test_input_required_result_multiple_inputs,
    test_input_required_result_multi_round,
    test_input_required_result_capabilities,
    greet,
    slow_compute,
    failing_job,
    protocol_error_job,
    confirm_delete,
    multi_input,
    test_tool_with_task,
)
SCHEMA_2020_12: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {
        "address": {
            "$anchor": "addressDef",
            "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
        }
    },
    "properties": {
        "name": {"type": "string"},
        "address": {"$ref": "#/$defs/address"},
        "contactMethod": {"type": "string", "enum": ["phone", "email"]},
        "phone": {"type": "string"},
        "email": {"type": "string"},
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}
