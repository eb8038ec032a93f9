"""A person at a client that puts questions to its user."""

from __future__ import annotations

from mcp.client.context import ClientRequestContext
from mcp_types import ElicitRequestParams, ElicitResult


class Person:
    """Answers what the client is asked to put to its user, and remembers the questions."""

    def __init__(self, action: str) -> None:
        self.action = action
        self.asked: list[str] = []

    async def __call__(self, context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        del context
        self.asked.append(params.message)
        content: dict[str, str] | None = {} if self.action == "accept" else None
        return ElicitResult.model_validate({"action": self.action, "content": content})
