# /// script
# dependencies = ["google-adk[mcp]>=2,<3"]
# ///
"""An agent of Google's Agent Development Kit that answers from a bucket.

    uv run examples/frameworks/with_google_adk.py

Replace the scripted model with a real one, for example `LlmAgent(model="gemini-3-flash", ...)`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator

from google.adk.agents import LlmAgent
from google.adk.models import BaseLlm, LlmRequest, LlmResponse
from google.adk.runners import InMemoryRunner
from google.adk.tools.mcp_tool import McpToolset, StdioConnectionParams
from google.genai import types
from handbook import INSTRUCTIONS, QUESTION, check, serve_handbook
from mcp import StdioServerParameters


class Rehearsed(BaseLlm):
    """Stands in for a language model, so that the example runs without a key: searches, then quotes."""

    async def generate_content_async(
        self,
        llm_request: LlmRequest,
        stream: bool = False,  # noqa: ARG002 - this model answers at once
    ) -> AsyncGenerator[LlmResponse, None]:
        """Yield the next step."""
        last = llm_request.contents[-1].parts[-1]
        if last.function_response:
            step = types.Part(text=json.dumps(last.function_response.response))
        else:
            step = types.Part.from_function_call(name="search_bucket", args={"query": QUESTION})
        yield LlmResponse(content=types.Content(role="model", parts=[step]))


async def main() -> None:
    """Ask the agent."""
    with serve_handbook() as (command, arguments):
        server = StdioServerParameters(command=command, args=arguments)
        buckets = McpToolset(connection_params=StdioConnectionParams(server_params=server, timeout=60))
        agent = LlmAgent(
            name="support", model=Rehearsed(model="rehearsed"), instruction=INSTRUCTIONS, tools=[buckets]
        )
        runner = InMemoryRunner(agent)
        try:
            events = await runner.run_debug(QUESTION, quiet=True)
        finally:
            await runner.close()
        check(events[-1].content.parts[-1].text)


if __name__ == "__main__":
    asyncio.run(main())
