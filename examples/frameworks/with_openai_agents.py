# /// script
# dependencies = ["openai-agents>=0.24,<1"]
# ///
"""An agent of the OpenAI Agents SDK that answers from a bucket.

    uv run examples/frameworks/with_openai_agents.py

Replace the scripted model with a real one, for example `Agent(model="gpt-5", ...)`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

from agents import Agent, Model, ModelResponse, Runner, Usage, set_tracing_disabled
from agents.mcp import MCPServerStdio
from handbook import INSTRUCTIONS, QUESTION, check, serve_handbook
from openai.types.responses import ResponseFunctionToolCall, ResponseOutputMessage, ResponseOutputText


class Rehearsed(Model):
    """Stands in for a language model, so that the example runs without a key: searches, then quotes."""

    async def get_response(
        self,
        system_instructions: str | None,  # noqa: ARG002 - this model knows what to do
        input: Any,  # noqa: A002 - the SDK's name
        *_: Any,
        **__: Any,
    ) -> ModelResponse:
        """Return the next step."""
        last = input[-1] if isinstance(input, list) else {}
        if last.get("type") == "function_call_output":
            text = ResponseOutputText(type="output_text", text=str(last["output"]), annotations=[])
            step = ResponseOutputMessage(
                id="m1", type="message", role="assistant", status="completed", content=[text]
            )
        else:
            arguments = json.dumps({"query": QUESTION})
            step = ResponseFunctionToolCall(
                type="function_call", call_id="c1", name="search_bucket", arguments=arguments
            )
        return ModelResponse(output=[step], usage=Usage(), response_id=None)

    def stream_response(self, *_: Any, **__: Any) -> AsyncIterator[Any]:
        """Refuse to stream; this example does not ask for it."""
        raise RuntimeError("This model does not stream.")


async def main() -> None:
    """Ask the agent."""
    set_tracing_disabled(disabled=True)
    with serve_handbook() as (command, arguments):
        # A call may wait for a file to become searchable; the SDK's own limit is 5 seconds.
        params = {"command": command, "args": arguments}
        async with MCPServerStdio(params, client_session_timeout_seconds=60) as buckets:
            agent = Agent(name="Support", instructions=INSTRUCTIONS, model=Rehearsed(), mcp_servers=[buckets])
            result = await Runner.run(agent, QUESTION)
        check(str(result.final_output))


if __name__ == "__main__":
    asyncio.run(main())
