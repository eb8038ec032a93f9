# /// script
# dependencies = ["llama-index-core>=0.14,<0.15", "llama-index-tools-mcp>=0.6,<1"]
# ///
"""An agent of LlamaIndex that answers from a bucket.

    uv run examples/frameworks/with_llama_index.py

Replace the scripted model with a real one, for example `OpenAI(model="gpt-5")` of llama-index-llms-openai.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from handbook import INSTRUCTIONS, QUESTION, check, serve_handbook
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.base.llms.types import ChatMessage, MessageRole, ToolCallBlock
from llama_index.core.llms.mock import MockFunctionCallingLLM
from llama_index.tools.mcp import BasicMCPClient, McpToolSpec


def rehearsed(messages: Sequence[ChatMessage], **_: Any) -> ChatMessage:
    """Stand in for a language model, so that the example runs without a key: search, then quote."""
    if messages[-1].role == MessageRole.TOOL:
        return ChatMessage(role=MessageRole.ASSISTANT, content=messages[-1].content)
    search = ToolCallBlock(tool_call_id="c1", tool_name="search_bucket", tool_kwargs={"query": QUESTION})
    return ChatMessage(role=MessageRole.ASSISTANT, blocks=[search])


async def main() -> None:
    """Ask the agent."""
    with serve_handbook() as (command, arguments):
        tools = await McpToolSpec(BasicMCPClient(command, args=arguments)).to_tool_list_async()
        agent = FunctionAgent(
            tools=tools,
            llm=MockFunctionCallingLLM(response_generator=rehearsed),
            system_prompt=INSTRUCTIONS,
            streaming=False,
        )
        check(str(await agent.run(QUESTION)))


if __name__ == "__main__":
    asyncio.run(main())
