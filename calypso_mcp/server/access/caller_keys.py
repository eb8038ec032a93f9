"""Accepts each caller's own Calypso API key as the credential, in a configured header.

Only Calypso knows which keys are good, so the first request with a key asks. The key then stays in this
process's memory under its fingerprint for as long as it is used; requests carry the fingerprint on.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from mcp.server.auth.provider import AccessToken, TokenVerifier
from pydantic import SecretStr

from calypso_mcp.domain.addresses import may_be_api_key
from calypso_mcp.domain.callers.access import AccessGrant
from calypso_mcp.server.access.check_queue import CheckQueue
from calypso_mcp.server.access.credentials import access_token, fingerprint

#: Sets references apart from those of the access file.
_REFERENCE = "caller:"
_ACCEPTED_FOR_S = 300.0
_REFUSED_FOR_S = 30.0
_REMEMBERED_CALLERS = 1_000
_REMEMBERED_REFUSALS = 10_000
#: Longer keys are refused without asking Calypso, in characters.
_LONGEST_KEY = 512


@dataclass(frozen=True, slots=True)
class _Accepted:
    key: SecretStr
    until: float


class CallerKeyVerifier(TokenVerifier):
    """Accepts API keys that Calypso accepts.

    Unknown keys are checked in a queue of their own, so that made-up ones delay no caller whose key is known.
    One request at a time checks a known key again; meanwhile the key counts as before, because Calypso itself
    refuses what it no longer accepts.

    Args:
        check: Asks Calypso whether it accepts a key. Errors other than a refusal pass through, so that an
            outage is not mistaken for a wrong key.
        strangers: Where unknown keys are checked.
    """

    def __init__(
        self,
        check: Callable[[SecretStr], Awaitable[bool]],
        *,
        clock: Callable[[], float] = time.monotonic,
        strangers: CheckQueue | None = None,
    ) -> None:
        self._check = check
        self._clock = clock
        self._accepted: OrderedDict[str, _Accepted] = OrderedDict()
        #: Until when a key is refused without asking, by fingerprint.
        self._refused: OrderedDict[str, float] = OrderedDict()
        self._strangers = strangers or CheckQueue()
        #: Known keys that are being checked again.
        self._renewing: set[str] = set()

    async def verify_token(self, token: str) -> AccessToken | None:
        """Return the grant of a key that Calypso accepts; None for any other.

        Raises:
            Busy: Too many unknown keys are being checked.
        """
        if len(token) > _LONGEST_KEY or not may_be_api_key(token):
            return None
        mark, key = fingerprint(token), SecretStr(token)
        known = self._accepted.get(mark)
        if known is None:
            accepted = await self._introduced(mark, key)
        elif known.until > self._clock() or mark in self._renewing:
            self._accepted.move_to_end(mark)
            accepted = True
        else:
            accepted = await self._renewed(mark, key)
        if not accepted:
            return None
        return access_token(AccessGrant(name=f"key-{mark}", key_reference=_REFERENCE + mark), mark)

    def key(self, reference: str) -> SecretStr | None:
        """Return the key that a grant of this verifier refers to, while it is remembered."""
        known = self._accepted.get(reference.removeprefix(_REFERENCE))
        return known.key if known else None

    async def _introduced(self, mark: str, key: SecretStr) -> bool:
        async def check() -> bool:
            # The same key may have been checked while this request waited.
            return mark in self._accepted or (not self._is_refused(mark) and await self._ask(mark, key))

        return not self._is_refused(mark) and await self._strangers.run(check)

    async def _renewed(self, mark: str, key: SecretStr) -> bool:
        self._renewing.add(mark)
        try:
            return await self._ask(mark, key)
        finally:
            self._renewing.discard(mark)

    def _is_refused(self, mark: str) -> bool:
        return self._refused.get(mark, 0.0) > self._clock()

    async def _ask(self, mark: str, key: SecretStr) -> bool:
        accepted = await self._check(key)
        if accepted:
            self._accepted[mark] = _Accepted(key, self._clock() + _ACCEPTED_FOR_S)
            self._accepted.move_to_end(mark)
            if len(self._accepted) > _REMEMBERED_CALLERS:
                self._accepted.popitem(last=False)
        else:
            self._accepted.pop(mark, None)
            self._refused[mark] = self._clock() + _REFUSED_FOR_S
            self._refused.move_to_end(mark)
            if len(self._refused) > _REMEMBERED_REFUSALS:
                self._refused.popitem(last=False)
        return accepted
