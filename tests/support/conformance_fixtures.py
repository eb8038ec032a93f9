"""What the MCP conformance suite asks a server for, added to the server that people run.

Tools, resources and prompts of fixed names stand beside our own in the same server, so the suite exercises
the same way through it: our tool wrapper, our handlers, the limits and checks of our HTTP app.

Not here, because the server has no such thing in any form: protocol logging and `resources/subscribe`
(handshake era), requests from server to client (handshake era: nothing can answer without sessions).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from mcp.server.context import ServerRequestContext
from mcp_types import (
    BlobResourceContents,
    GetPromptRequestParams,
    GetPromptResult,
    ImageContent,
    InputRequiredResult,
    PaginatedRequestParams,
    Prompt,
    PromptArgument,
    PromptMessage,
    ReadResourceRequestParams,
    ReadResourceResult,
    Resource,
    ResourceTemplate,
    TextResourceContents,
    Tool,
)

from calypso_mcp.server import sdk
from calypso_mcp.server.calls.tool_calls import CalypsoServer
from calypso_mcp.server.calls.tool_spec import ToolSpec
from tests.support.conformance_tools import (
    PNG,
    SCHEMA_2020_12,
    TOOLS,
    embedded,
    form,
    json_schema_2020_12_tool,
    said,
)

_FOR_THE_SUITE = "For the conformance suite."


def add_fixtures(server: CalypsoServer) -> None:
    """Add everything to a server that `build_server` made."""
    _add_tools(server)
    _add_resources(server)
    _add_prompts(server)


def _add_tools(server: CalypsoServer) -> None:
    for function in TOOLS:
        server.add_tool(function, description=_FOR_THE_SUITE, structured_output=False)
    for tool in server._tool_manager.list_tools():
        is_2020_12 = tool.name == json_schema_2020_12_tool.__name__
        schema = SCHEMA_2020_12 if is_2020_12 else tool.parameters
        server._specs[tool.name] = ToolSpec(f":{tool.name}", tool.name, read_only=True)
        listed = Tool(name=tool.name, description=tool.description, input_schema=schema)
        server._listed = {**server._listed, tool.name: listed}


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
                    PromptArgument(name=argument, description=_FOR_THE_SUITE, required=True)
                    for argument in arguments
                ],
            )
            for name, arguments in _PROMPTS.items()
        ]
        return result

    async def got(own: Any, request: Any, asked: GetPromptRequestParams) -> Any:
        if asked.name not in _PROMPTS:
            return await own(request, asked)
        if asked.name == "test_input_required_result_prompt" and not asked.input_responses:
            needed = form("What context should the prompt use?", "context")
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
                embedded(uri, "Embedded resource content for testing."),
                "Please process the embedded resource above.",
            ]
        case "test_prompt_with_image":
            picture = ImageContent(type="image", data=PNG, mime_type="image/png")
            content = [picture, "Please analyze the image above."]
        case "test_simple_prompt":
            content = ["This is a simple prompt for testing."]
        case _:
            content = ["This prompt has what it asked for."]
    return [PromptMessage(role="user", content=entry) for entry in said(*content).content]
