# /// script
# dependencies = ["langchain>=1,<2", "langchain-mcp-adapters>=0.3,<1"]
# ///
"""An agent of LangChain that answers from a bucket.

    uv run examples/frameworks/with_langchain.py

Replace the scripted model with a real one, for example `create_agent("openai:gpt-5", ...)`.
"""

from __future__ import annotations

import asyncio
from typing import Any

from handbook import INSTRUCTIONS, QUESTION, check, serve_handbook
from langchain.agents import create_agent
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_mcp_adapters.client import MultiServerMCPClient


class Rehearsed(BaseChatModel):
    """Stands in for a language model, so that the example runs without a key: searches, then quotes."""

    @property
    def _llm_type(self) -> str:
        return "rehearsed"

    def bind_tools(self, *_: Any, **__: Any) -> Rehearsed:
        """Know the tools already."""
        return self

    def _generate(self, messages: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:
        if isinstance(messages[-1], ToolMessage):
            step = AIMessage(messages[-1].text)
        else:
            search = {"name": "search_bucket", "args": {"query": QUESTION}, "id": "c1"}
            step = AIMessage("", tool_calls=[search])
        return ChatResult(generations=[ChatGeneration(message=step)])


async def main() -> None:
    """Ask the agent."""
    with serve_handbook() as (command, arguments):
        servers = {"calypso": {"transport": "stdio", "command": command, "args": arguments}}
        tools = await MultiServerMCPClient(servers).get_tools()
        agent = create_agent(Rehearsed(), tools, system_prompt=INSTRUCTIONS)
        result = await agent.ainvoke({"messages": [("user", QUESTION)]})
        check(result["messages"][-1].text)


if __name__ == "__main__":
    asyncio.run(main())
