# /// script
# dependencies = ["pydantic-ai-slim[mcp]>=2,<3"]
# ///
"""An agent of Pydantic AI that answers from a bucket.

    uv run examples/frameworks/with_pydantic_ai.py

Replace the scripted model with a real one, for example `Agent("openai:gpt-5", ...)`.
"""

from __future__ import annotations

import asyncio

from fastmcp.client.transports import StdioTransport
from handbook import INSTRUCTIONS, QUESTION, check, serve_handbook
from pydantic_ai import Agent
from pydantic_ai.mcp import MCPToolset
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart, ToolReturnPart
from pydantic_ai.models.function import AgentInfo, FunctionModel


def rehearsed(messages: list[ModelMessage], _info: AgentInfo) -> ModelResponse:
    """Stand in for a language model, so that the example runs without a key: search, then quote."""
    last = messages[-1].parts[-1]
    if isinstance(last, ToolReturnPart):
        return ModelResponse([TextPart(last.model_response_str())])
    return ModelResponse([ToolCallPart("search_bucket", {"query": QUESTION})])


async def main() -> None:
    """Ask the agent."""
    with serve_handbook() as (command, arguments):
        transport = StdioTransport(command, arguments, keep_alive=False)
        # Without init_timeout a server has 5 seconds to start, too few on a busy machine.
        buckets = MCPToolset(transport, init_timeout=60)
        agent = Agent(FunctionModel(rehearsed), instructions=INSTRUCTIONS, toolsets=[buckets])
        async with agent:
            result = await agent.run(QUESTION)
        check(result.output)


if __name__ == "__main__":
    asyncio.run(main())
