"""Asks the user before a large change: through the client or, if it cannot ask, with an argument.

A client that declares elicitation puts the question to its user. From MCP 2026-07-28 on the question is the
call's answer, and the client calls again with what the user said; before, it is a request inside the call.
The server has to believe either client, so it remembers nothing between the two calls: an answer counts for
the question whose digest is its key.
"""

from __future__ import annotations

import hashlib
from typing import Final

from mcp_types import ElicitRequest, ElicitRequestFormParams, ElicitResult, InputRequiredResult
from mcp_types.version import is_version_at_least
from pydantic import BaseModel

from calypso_mcp.errors import InputError
from calypso_mcp.server.state import CallContext

#: First version that asks by answering (MCP, multi round-trip requests).
_ASKS_BY_ANSWERING: Final = "2026-07-28"
_KEY_CHARS: Final = 24


class QuestionForUser(Exception):
    """Ends a call whose answer is a question to the user."""

    def __init__(self, result: InputRequiredResult) -> None:
        """Carry the question to where the call is answered."""
        super().__init__()
        self.result = result


class _Nothing(BaseModel):
    """A form without fields: to accept it is to say yes."""


def is_agreed(ctx: CallContext, *, confirm: bool) -> bool:
    """Whether the agent has said yes for its user, whom this client cannot ask."""
    return confirm and not _can_ask(ctx)


async def require_yes(ctx: CallContext, question: str, *, confirm: bool) -> None:
    """Return if the user agrees to what is about to happen, put as a question.

    That the agent confirms it counts only if the client cannot ask.

    Raises:
        QuestionForUser: The client must ask the user first.
        InputError: The user said no, or the agent must ask the user.
    """
    if is_agreed(ctx, confirm=confirm):
        return
    if not _can_ask(ctx):
        raise InputError(
            f"The user must agree first: {question}",
            code="confirmation_required",
            hint="Ask the user. If they agree, make the same call with confirm=true.",
        )
    if await _answer(ctx, question) != "accept":
        raise InputError(
            "The user did not agree, so nothing was done.",
            code="not_confirmed",
            hint="Leave it as it is, or ask the user what they want instead.",
        )


def _can_ask(ctx: CallContext) -> bool:
    capabilities = ctx.client_capabilities
    elicitation = capabilities.elicitation if capabilities is not None else None
    # Declared without a mode it means forms (MCP, elicitation).
    if elicitation is None or (elicitation.form is None and elicitation.url is not None):
        return False
    return _asks_by_answering(ctx) or ctx.session.can_send_request


def _asks_by_answering(ctx: CallContext) -> bool:
    version = ctx.protocol_version
    return version is not None and is_version_at_least(version, _ASKS_BY_ANSWERING)


async def _answer(ctx: CallContext, question: str) -> str:
    if not _asks_by_answering(ctx):
        return (await ctx.elicit(question, _Nothing)).action
    key = hashlib.sha256(question.encode()).hexdigest()[:_KEY_CHARS]
    given = (ctx.input_responses or {}).get(key)
    if isinstance(given, ElicitResult):
        return given.action
    form = ElicitRequestFormParams(message=question, requested_schema={"type": "object", "properties": {}})
    raise QuestionForUser(InputRequiredResult(input_requests={key: ElicitRequest(params=form)}))
