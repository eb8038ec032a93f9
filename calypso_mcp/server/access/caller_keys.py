"""Each caller's own Calypso API key as the credential: it arrives in a header declared for it.

Only Calypso knows which keys are good, so the first request with a key asks. The key then stays in this
process's memory under its fingerprint for as long as it is used; requests carry the fingerprint on.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import anyio
from mcp.server.auth.provider import AccessToken, TokenVerifier
from pydantic import SecretStr

from calypso_mcp.domain.access import AccessGrant
from calypso_mcp.server.access.credentials import access_token, fingerprint

#: Sets references apart from those of the access file.
_REFERENCE = "caller:"
_ACCEPTED_FOR_S = 300.0
_REFUSED_FOR_S = 30.0
_REMEMBERED_KEYS = 10_000
_CHECKS_AT_ONCE = 16
_LONGEST_KEY = 512


@dataclass(frozen=True, slots=True)
class _Verdict:
    key: SecretStr | None
    until: float


class CallerKeyVerifier(TokenVerifier):
    """Accepts API keys that Calypso accepts.

    Args:
        check: Asks Calypso whether it accepts a key. Errors other than a refusal pass through, so that an
            outage is not mistaken for a wrong key.
        clock: Seconds that only ever grow.
    """

    def __init__(
        self, check: Callable[[SecretStr], Awaitable[bool]], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._check = check
        self._clock = clock
        self._verdicts: OrderedDict[str, _Verdict] = OrderedDict()
        self._checks = anyio.CapacityLimiter(_CHECKS_AT_ONCE)

    async def verify_token(self, token: str) -> AccessToken | None:
        """Return the grant of a key that Calypso accepts; None for any other."""
        if not token or len(token) > _LONGEST_KEY or not token.isascii() or not token.isprintable():
            return None
        mark = fingerprint(token)
        verdict = self._remembered(mark)
        if verdict is None:
            async with self._checks:
                verdict = self._remembered(mark) or await self._ask(mark, SecretStr(token))
        if verdict.key is None:
            return None
        return access_token(AccessGrant(name=f"key-{mark}", key_reference=_REFERENCE + mark), mark)

    def key(self, reference: str) -> SecretStr | None:
        """Return the key that a grant of this verifier refers to, while it is remembered."""
        verdict = self._verdicts.get(reference.removeprefix(_REFERENCE))
        return verdict.key if verdict else None

    def _remembered(self, mark: str) -> _Verdict | None:
        verdict = self._verdicts.get(mark)
        if verdict is None or verdict.until <= self._clock():
            return None
        self._verdicts.move_to_end(mark)
        return verdict

    async def _ask(self, mark: str, key: SecretStr) -> _Verdict:
        accepted = await self._check(key)
        verdict = _Verdict(
            key if accepted else None, self._clock() + (_ACCEPTED_FOR_S if accepted else _REFUSED_FOR_S)
        )
        self._verdicts[mark] = verdict
        self._verdicts.move_to_end(mark)
        if len(self._verdicts) > _REMEMBERED_KEYS:
            # Refused ones first: strangers with made-up keys must not push out who is being served.
            oldest = next((one for one, known in self._verdicts.items() if known.key is None), None)
            self._verdicts.pop(oldest or next(iter(self._verdicts)))
        return verdict
