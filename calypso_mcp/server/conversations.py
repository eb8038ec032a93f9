"""Conversation ids: what the next turn needs, sealed for one caller, so that nothing has to be remembered.

Any worker with the same secret can continue what another began, and an id that was made for another caller
opens as little as one that was made up.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

from calypso_mcp.server.sealing import Seal

if TYPE_CHECKING:
    from calypso_mcp.domain.callers.access import AccessGrant

_PREFIX: Final = "conv_"
_DIGEST_CHARS: Final = 12


@dataclass(frozen=True, slots=True)
class Turn:
    """The turn that the next one follows.

    Attributes:
        model: The agent that was asked.
        response_id: The API's id of its answer.
        reach: Digest of the buckets that the agent answered from.
    """

    model: str
    response_id: str
    reach: str


def reach_digest(bucket_ids: Iterable[str]) -> str:
    """Return a digest of a set of buckets."""
    return hashlib.sha256(json.dumps(sorted(bucket_ids)).encode()).hexdigest()[:_DIGEST_CHARS]


def new_conversation_id() -> str:
    """Return the id under which the API is to keep a new conversation (API sheet section 9.2)."""
    return f"{_PREFIX}{secrets.token_hex(16)}"


class Conversations:
    """Seals and opens conversation ids.

    Args:
        secret: Returns at least 16 random bytes, the same in every worker; asked when first needed.
    """

    def __init__(self, secret: Callable[[], bytes] = lambda: secrets.token_bytes(32)) -> None:
        self._secret = secret

    def seal(self, turn: Turn, grant: AccessGrant) -> str:
        """Return the id with which only the caller behind `grant` goes on after `turn`."""
        content = f"{turn.reach}\n{turn.model}\n{turn.response_id}".encode()
        return _PREFIX + self._seal.seal(content, _caller(grant))

    def open(self, conversation_id: str, grant: AccessGrant) -> Turn | None:
        """Return the turn to go on after; None for any id that was not sealed for this caller."""
        if not conversation_id.startswith(_PREFIX):
            return None
        content = self._seal.open(conversation_id.removeprefix(_PREFIX), _caller(grant))
        if content is None:
            return None
        reach, model, response_id = content.decode().split("\n", 2)
        return Turn(model, response_id, reach)

    @cached_property
    def _seal(self) -> Seal:
        return Seal("conversations", self._secret())


def _caller(grant: AccessGrant) -> bytes:
    return json.dumps([grant.name, grant.key_reference]).encode()
