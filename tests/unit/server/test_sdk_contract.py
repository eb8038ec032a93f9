"""What we use of the SDK beyond its promises. A failure means that an SDK update moved it: see sdk.py."""

from __future__ import annotations

import inspect
import re
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import anyio
import mcp
import pytest
from mcp.client import Client
from mcp.server.mcpserver import MCPServer, Resolve
from mcp.server.mcpserver.tools import Tool
from mcp_types import (
    CallToolRequest,
    CallToolRequestParams,
    CallToolResult,
    CompleteRequestParams,
    CompleteResult,
    Completion,
    PromptReference,
)

from calypso_mcp.server import sdk
from calypso_mcp.server.calls.tool_spec import make_tool
from calypso_mcp.server.results.models import ToolResult, answer
from calypso_mcp.server.state import CallContext


def server() -> MCPServer[Any]:
    return MCPServer("contract")


def test_the_low_level_server_is_where_it_was():
    low_level = sdk.low_level(server())
    assert callable(low_level.add_request_handler)
    assert callable(low_level.lifespan)


def test_the_loop_that_serves_both_eras_takes_what_we_pass():
    from mcp.server.runner import serve_dual_era_loop

    parameters = inspect.signature(serve_dual_era_loop).parameters
    assert list(parameters)[:3] == ["server", "read_stream", "write_stream"]
    assert "lifespan_state" in parameters


async def test_pipes_hand_over_messages_and_end():
    feed, messages = sdk.read_pipe()
    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(feed.send, ValueError("x"))
            assert isinstance(await messages.receive(), ValueError)
        await feed.aclose()
        with pytest.raises(anyio.EndOfStream):
            await messages.receive()
        await messages.aclose()


async def test_a_replaced_handler_sees_the_request_and_its_lifespan_state():
    seen: list[Any] = []

    async def handler(request: Any, params: CompleteRequestParams) -> CompleteResult:
        seen.append((request.lifespan_context, params.argument.value))
        return CompleteResult(completion=Completion(values=["ok"]))

    made = server()
    sdk.handle(made, "completion/complete", CompleteRequestParams, handler)
    async with Client(made) as client:
        result = await client.complete(PromptReference(name="p"), {"name": "a", "value": "typed"})
    assert result.completion.values == ["ok"]
    assert seen == [({}, "typed")]


async def test_calls_pass_through_the_public_call_tool():
    async def hello() -> str:
        return "hi"

    class Watched(MCPServer[Any]):
        calls: list[str] = []  # noqa: RUF012 - a test's notebook

        async def call_tool(self, name: str, arguments: dict[str, Any], context: Any = None) -> Any:
            self.calls.append(name)
            return await super().call_tool(name, arguments, context)

    watched = Watched("watched", tools=[Tool.from_function(hello)])
    async with Client(watched) as client:
        await client.call_tool("hello")
    assert watched.calls == ["hello"]


@pytest.mark.parametrize("era", ["auto", "legacy"])
async def test_each_tool_is_made_once_with_its_first_call(era: Any):
    async def hello() -> str:
        return "hi"

    made: list[str] = []

    def make(name: str) -> Tool:
        made.append(name)
        return Tool.from_function(hello, name=name)

    late = server()
    sdk.offer_when_called(late, {name: partial(make, name) for name in ("first", "second")})
    async with Client(late, mode=era) as client:
        assert made == []
        request = CallToolRequest(params=CallToolRequestParams(name="second"))
        assert not (await client.session.send_request(request, CallToolResult)).is_error
        assert made == ["second"]
        assert not (await client.session.send_request(request, CallToolResult)).is_error
        other = CallToolRequest(params=CallToolRequestParams(name="other"))
        assert (await client.session.send_request(other, CallToolResult)).is_error
    assert made == ["second"]


async def test_parameters_can_be_rewritten_before_they_are_validated(era_of_client: str):
    made = server()

    @made.prompt("greet")
    def greet(name: str) -> str:
        return f"Hello {name}"

    sdk.rewrite(made, "prompts/get", lambda params: {**params, "arguments": {"name": "you"}})
    async with Client(made, mode=era_of_client) as client:
        result = await client.get_prompt("greet", {"name": "me"})
    assert "Hello you" in str(result.messages[0].content)


def test_a_string_that_is_json_is_taken_as_it_is():
    def echo(text: str | None = None) -> str:
        return str(text)

    metadata = Tool.from_function(echo).fn_metadata
    assert metadata.pre_parse_json({"text": "{}"}) == {"text": {}}
    as_given = sdk.as_given(metadata)
    assert as_given.validate_arguments({"text": "{}"}) == {"text": "{}"}
    result = CallToolResult(content=[], structured_content={"other": 1})
    assert as_given.convert_result(result) is result


@pytest.fixture(params=["auto", "legacy"])
def era_of_client(request: pytest.FixtureRequest) -> str:
    return request.param


def test_the_sdk_opens_nothing_that_outlives_a_request_with_its_connection():
    """`answer_request` closes no connection, because its exit stack is empty."""
    opening = re.compile(r"connection\.exit_stack\.(enter|push|callback)")
    sources = Path(mcp.__file__).parent.rglob("*.py")
    assert not [path for path in sources if opening.search(path.read_text(encoding="utf-8"))]


class Told(ToolResult):
    word: str
    found: str
    asked: str


async def find(ctx: CallContext) -> str:
    return f"found for {ctx.request_id}"


async def tell(
    access: Annotated[str, Resolve(find)], ctx: CallContext, *, word: str
) -> Annotated[CallToolResult, Told]:
    """Tell."""
    return answer(Told(word=word, found=access, asked=str(ctx.request_id)))


async def test_a_tool_is_given_what_the_model_does_not_see(era_of_client: str):
    tool = make_tool(tell)
    assert list(tool.parameters["properties"]) == ["word"]
    made = MCPServer[Any]("contract")
    sdk.offer_when_called(made, {"tell": lambda: tool})
    async with Client(made, mode=era_of_client) as client:
        result = await client.call_tool("tell", {"word": "hello"})
    told = Told.model_validate(result.structured_content)
    assert (told.word, told.found) == ("hello", f"found for {told.asked}")
