"""Tools, resources and prompts with the names and answers that the MCP conformance suite asks a server for.

They stand beside our own in the same server, so the suite exercises the same way through it: our tool
wrapper, our handlers, the limits and checks of our HTTP app.

Not here, because the server has no such thing in any form: protocol logging and `resources/subscribe`
(handshake era), requests from server to client (handshake era: nothing can answer without sessions), tasks.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import anyio
from mcp.server.context import ServerRequestContext
from mcp.server.mcpserver import Context
from mcp.shared.exceptions import MCPError
from mcp_types import (
    MISSING_REQUIRED_CLIENT_CAPABILITY,
    AudioContent,
    BlobResourceContents,
    CallToolResult,
    CreateMessageRequest,
    CreateMessageRequestParams,
    ElicitRequest,
    ElicitRequestFormParams,
    EmbeddedResource,
    GetPromptRequestParams,
    GetPromptResult,
    ImageContent,
    InputRequests,
    InputRequiredResult,
    ListRootsRequest,
    PaginatedRequestParams,
    Prompt,
    PromptArgument,
    PromptMessage,
    ReadResourceRequestParams,
    ReadResourceResult,
    Resource,
    ResourceTemplate,
    SamplingMessage,
    TextContent,
    TextResourceContents,
)
from pydantic import Field

from calypso_mcp.errors import ContentError
from calypso_mcp.server import sdk
from calypso_mcp.server.calls import CalypsoServer

#: One red pixel.
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
#: No sound at all.
WAV = base64.b64encode(
    b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x40\x1f\0\0\x80\x3e\0\0\2\0\x10\0data\0\0\0\0"
).decode()
_FOR_THE_SUITE = "For the conformance suite."
Answer = CallToolResult | InputRequiredResult


def _said(*content: Any) -> CallToolResult:
    return CallToolResult(
        content=[TextContent(type="text", text=one) if isinstance(one, str) else one for one in content]
    )


def _form(message: str, name: str, kind: str = "string") -> ElicitRequest:
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
    return _said("This is a simple text response for testing.")


async def test_image_content() -> CallToolResult:
    return _said(ImageContent(type="image", data=PNG, mime_type="image/png"))


async def test_audio_content() -> CallToolResult:
    return _said(AudioContent(type="audio", data=WAV, mime_type="audio/wav"))


def _embedded(uri: str, text: str, mime_type: str = "text/plain") -> EmbeddedResource:
    return EmbeddedResource(
        type="resource", resource=TextResourceContents(uri=uri, text=text, mime_type=mime_type)
    )


async def test_embedded_resource() -> CallToolResult:
    return _said(_embedded("test://embedded-resource", "This is an embedded resource content."))


async def test_multiple_content_types() -> CallToolResult:
    return _said(
        "Multiple content types test:",
        ImageContent(type="image", data=PNG, mime_type="image/png"),
        _embedded("test://mixed-content-resource", '{"test":"data","value":123}', "application/json"),
    )


async def test_error_handling() -> CallToolResult:
    raise ContentError("This tool intentionally returns an error for testing", hint="Expect nothing else.")


async def test_tool_with_progress(context: Context[Any, Any]) -> CallToolResult:
    for step in (0, 50, 100):
        await context.report_progress(step, 100)
        await anyio.sleep(0.05)  # the suite asks for pauses of 50 ms
    return _said("Done.")


async def test_logging_tool() -> CallToolResult:
    return _said("Nothing was logged to the client.")


async def json_schema_2020_12_tool() -> CallToolResult:
    return _said("ok")


async def test_header_parameter(
    region: Annotated[str, Field(json_schema_extra={"x-mcp-header": "Region"})],
) -> CallToolResult:
    return _said(region)


async def test_missing_capability(context: Context[Any, Any]) -> CallToolResult:
    capabilities = context.client_capabilities
    if capabilities is None or capabilities.sampling is None:
        raise MCPError(
            code=MISSING_REQUIRED_CLIENT_CAPABILITY,
            message="This tool needs sampling.",
            data={"requiredCapabilities": {"sampling": {}}},
        )
    return _said("Sampling is there.")


async def test_streaming_elicitation(context: Context[Any, Any]) -> Answer:
    await context.report_progress(1, 2)
    if _answered(context, "name") is None:
        return InputRequiredResult(input_requests={"name": _form("What is your name?", "name")})
    return _said("Done.")


async def test_input_required_result_elicitation(context: Context[Any, Any]) -> Answer:
    answer = _answered(context, "user_name")
    if answer is None:
        return InputRequiredResult(input_requests={"user_name": _form("What is your name?", "name")})
    return _said(f"Hello, {(answer.get('content') or {}).get('name')}!")


async def test_input_required_result_sampling(context: Context[Any, Any]) -> Answer:
    answer = _answered(context, "capital_question")
    if answer is None:
        asked = _sample("What is the capital of France?", 100)
        return InputRequiredResult(input_requests={"capital_question": asked})
    return _said(json.dumps(answer["content"]))


async def test_input_required_result_list_roots(context: Context[Any, Any]) -> Answer:
    answer = _answered(context, "client_roots")
    if answer is None:
        return InputRequiredResult(input_requests={"client_roots": ListRootsRequest()})
    return _said(json.dumps(answer["roots"]))


async def _confirmed(context: Context[Any, Any]) -> Answer:
    if context.request_state != "round 1":
        asked: InputRequests = {"confirm": _form("Please confirm", "ok", "boolean")}
        return InputRequiredResult(input_requests=asked, request_state="round 1")
    return _said("state-ok")


async def test_input_required_result_request_state(context: Context[Any, Any]) -> Answer:
    return await _confirmed(context)


async def test_input_required_result_tampered_state(context: Context[Any, Any]) -> Answer:
    return await _confirmed(context)


async def test_input_required_result_multiple_inputs(context: Context[Any, Any]) -> Answer:
    asked: InputRequests = {
        "user_name": _form("What is your name?", "name"),
        "greeting": _sample("Generate a greeting", 50),
        "client_roots": ListRootsRequest(),
    }
    if context.request_state != "asked" or set(context.input_responses or {}) != set(asked):
        return InputRequiredResult(input_requests=asked, request_state="asked")
    return _said("All three were answered.")


async def test_input_required_result_multi_round(context: Context[Any, Any]) -> Answer:
    if context.request_state == "round 2" and _answered(context, "step2"):
        return _said("Both were answered.")
    if context.request_state == "round 1" and _answered(context, "step1"):
        asked: InputRequests = {"step2": _form("Step 2: What is your favorite color?", "color")}
        return InputRequiredResult(input_requests=asked, request_state="round 2")
    first: InputRequests = {"step1": _form("Step 1: What is your name?", "name")}
    return InputRequiredResult(input_requests=first, request_state="round 1")


async def test_input_required_result_capabilities(context: Context[Any, Any]) -> Answer:
    known = context.client_capabilities
    asked: dict[str, Any] = {}
    if known is not None and known.sampling is not None:
        asked["greeting"] = _sample("Generate a greeting", 50)
    if known is not None and known.elicitation is not None:
        asked["user_name"] = _form("What is your name?", "name")
    return InputRequiredResult(input_requests=asked) if asked else _said("Nothing to ask with.")


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
)
_SCHEMA_2020_12: dict[str, Any] = {
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


def add_fixtures(server: CalypsoServer) -> None:
    """Add everything to a server that `build_server` made."""
    _add_tools(server)
    _add_resources(server)
    _add_prompts(server)


def _add_tools(server: CalypsoServer) -> None:
    for function in TOOLS:
        server.add_tool(function, description=_FOR_THE_SUITE, structured_output=False)
        tool = server._tool_manager.get_tool(function.__name__)
        assert tool is not None
        if function is json_schema_2020_12_tool:
            tool.parameters = _SCHEMA_2020_12
        server._arguments[tool.name] = tuple(tool.parameters["properties"])
    server._names |= {function.__name__ for function in TOOLS}


def _wrap(server: CalypsoServer, method: str, params: Any, wrapper: Callable[..., Awaitable[Any]]) -> None:
    """Let `wrapper` answer `method`; it is given our own handler as well."""
    entry = sdk.low_level(server).get_request_handler(method)
    assert entry is not None

    async def handler(request: ServerRequestContext[Any, Any], asked: Any) -> Any:
        return await wrapper(entry.handler, request, asked)

    sdk.handle(server, method, params, handler)


def _add_resources(server: CalypsoServer) -> None:
    async def listed(own: Any, request: Any, asked: Any) -> Any:
        result = await own(request, asked)
        result.resources += [
            Resource(uri="test://static-text", name="static-text", mime_type="text/plain"),
            Resource(uri="test://static-binary", name="static-binary", mime_type="image/png"),
        ]
        return result

    async def templates(own: Any, request: Any, asked: Any) -> Any:
        result = await own(request, asked)
        extra = ResourceTemplate(
            uri_template="test://template/{id}/data", name="data", mime_type="application/json"
        )
        return result.model_copy(update={"resource_templates": [*result.resource_templates, extra]})

    async def read(own: Any, request: Any, asked: ReadResourceRequestParams) -> Any:
        uri = str(asked.uri)
        text = {
            "test://static-text": ("This is the content of the static text resource.", "text/plain"),
            "test://template/123/data": (
                '{"id":"123","templateTest":true,"data":"Data for ID: 123"}',
                "application/json",
            ),
        }
        if uri == "test://static-binary":
            blob = BlobResourceContents(uri=uri, blob=PNG, mime_type="image/png")
            return ReadResourceResult(contents=[blob])
        if uri not in text:
            return await own(request, asked)
        content, mime_type = text[uri]
        return ReadResourceResult(contents=[TextResourceContents(uri=uri, text=content, mime_type=mime_type)])

    _wrap(server, "resources/list", PaginatedRequestParams, listed)
    _wrap(server, "resources/templates/list", PaginatedRequestParams, templates)
    _wrap(server, "resources/read", ReadResourceRequestParams, read)


_PROMPTS = {
    "test_simple_prompt": (),
    "test_prompt_with_arguments": ("arg1", "arg2"),
    "test_prompt_with_embedded_resource": ("resourceUri",),
    "test_prompt_with_image": (),
    "test_input_required_result_prompt": (),
}


def _add_prompts(server: CalypsoServer) -> None:
    async def listed(own: Any, request: Any, asked: Any) -> Any:
        result = await own(request, asked)
        result.prompts += [
            Prompt(
                name=name,
                description=_FOR_THE_SUITE,
                arguments=[
                    PromptArgument(name=one, description=_FOR_THE_SUITE, required=True) for one in arguments
                ],
            )
            for name, arguments in _PROMPTS.items()
        ]
        return result

    async def got(own: Any, request: Any, asked: GetPromptRequestParams) -> Any:
        if asked.name not in _PROMPTS:
            return await own(request, asked)
        if asked.name == "test_input_required_result_prompt" and not asked.input_responses:
            needed = _form("What context should the prompt use?", "context")
            return InputRequiredResult(input_requests={"user_context": needed})
        return GetPromptResult(messages=_messages(asked.name, asked.arguments or {}))

    _wrap(server, "prompts/list", PaginatedRequestParams, listed)
    _wrap(server, "prompts/get", GetPromptRequestParams, got)


def _messages(name: str, arguments: dict[str, str]) -> list[PromptMessage]:
    match name:
        case "test_prompt_with_arguments":
            content: list[Any] = [
                f"Prompt with arguments: arg1='{arguments.get('arg1')}', arg2='{arguments.get('arg2')}'"
            ]
        case "test_prompt_with_embedded_resource":
            uri = arguments.get("resourceUri", "")
            content = [
                _embedded(uri, "Embedded resource content for testing."),
                "Please process the embedded resource above.",
            ]
        case "test_prompt_with_image":
            picture = ImageContent(type="image", data=PNG, mime_type="image/png")
            content = [picture, "Please analyze the image above."]
        case "test_simple_prompt":
            content = ["This is a simple prompt for testing."]
        case _:
            content = ["This prompt has what it asked for."]
    return [PromptMessage(role="user", content=one) for one in _said(*content).content]
