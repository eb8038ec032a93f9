"""OAuth 2.1 resource server: access tokens of one issuer, checked here, mapped to buckets by a claim.

Checked: signature by a published key and an allowed algorithm, issuer, audience (this server, RFC 8707 and
RFC 9068), expiry, not-before. Required scopes are the gate's to check. The token is used for nothing else and
goes nowhere.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mcp.server.auth.provider import AccessToken, TokenVerifier

from calypso_mcp.domain.callers.access import AccessGrant, ScopeLimit
from calypso_mcp.domain.json_values import is_list
from calypso_mcp.server.access.credentials import LONGEST_TOKEN, access_token, fingerprint
from calypso_mcp.server.access.oauth.key_set import ALGORITHMS, SigningKey
from calypso_mcp.server.access.oauth.signing_keys import SigningKeys, require_https

#: Latest expiry, in seconds since 1970: the end of the year 9999. Anything later is not a date.
_LATEST_EXPIRY = 253_402_300_799
#: Clock difference to the issuer that is forgiven, in seconds.
_LEEWAY_S = 30.0
_PLAIN_SUBJECT = re.compile(r"[A-Za-z0-9@.|_-]{1,100}")


@dataclass(frozen=True, slots=True)
class OAuthPolicy:
    """What makes an access token good here.

    Attributes:
        issuer: The only issuer whose tokens count; compared exactly.
        audience: What the token must be for: this server's public MCP address.
        buckets_claim: Claim that lists the caller's buckets, as a list or separated by spaces. A token
            without it reaches no bucket.
        write_scope: OAuth scope without which a token is read-only; None: every token may write.
    """

    issuer: str
    audience: str
    buckets_claim: str = "calypso_buckets"
    write_scope: str | None = None

    def __post_init__(self) -> None:
        require_https(self.issuer)


class OAuthVerifier(TokenVerifier):
    """Accepts the access tokens that `policy` describes, signed with one of `keys`."""

    def __init__(self, policy: OAuthPolicy, keys: SigningKeys) -> None:
        self._policy = policy
        self._keys = keys

    async def verify_token(self, token: str) -> AccessToken | None:
        """Return the grant of a good token; None for any other.

        Raises:
            CalypsoError: The key that it names cannot be looked up, see `SigningKeys.find`.
        """
        if len(token) > LONGEST_TOKEN:
            return None
        claims = await self._claims(token)
        if claims is None:
            return None
        scopes = _words(claims.get("scope", claims.get("scp")))
        return access_token(
            self._grant(claims, scopes),
            fingerprint(token),
            claims={"iss": self._policy.issuer},
            expires_at=_void_at(claims),
            resource=self._policy.audience,
            scopes=scopes,
            subject=str(claims["sub"]),
        )

    async def _claims(self, token: str) -> Mapping[str, Any] | None:
        import jwt

        try:
            header = jwt.get_unverified_header(token)
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            return None
        key_id, algorithm = header.get("kid"), header.get("alg")
        if algorithm not in ALGORITHMS or not isinstance(key_id, str | None):
            return None
        keys = await self._keys.find(key_id, algorithm)
        return next(filter(None, (self._verified(token, key, algorithm) for key in keys)), None)

    def _verified(self, token: str, key: SigningKey, algorithm: str) -> Mapping[str, Any] | None:
        import jwt

        try:
            claims = jwt.decode(
                token,
                key.key,
                algorithms=[algorithm],
                audience=self._policy.audience,
                issuer=self._policy.issuer,
                leeway=_LEEWAY_S,
                options={"require": ["exp", "iss", "aud", "sub"], "strict_aud": False},
            )
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError):
            return None
        return claims if int(claims["exp"]) <= _LATEST_EXPIRY else None

    def _grant(self, claims: Mapping[str, Any], scopes: tuple[str, ...]) -> AccessGrant:
        policy = self._policy
        return AccessGrant(
            name=_name(claims["sub"]),
            limit=ScopeLimit(buckets=frozenset(_words(claims.get(policy.buckets_claim)))),
            read_only=policy.write_scope is not None and policy.write_scope not in scopes,
            expires_at=_void_at(claims),
        )


def _void_at(claims: Mapping[str, Any]) -> int:
    """Return when the token expires here: nothing that it begins may last longer."""
    return math.ceil(int(claims["exp"]) + _LEEWAY_S)


def _name(subject: str) -> str:
    """Return a caller's name for logs; a subject that could disturb a log line is replaced by its hash."""
    return f"oauth:{subject}" if _PLAIN_SUBJECT.fullmatch(subject) else f"oauth:sha256:{fingerprint(subject)}"


def _words(value: object) -> tuple[str, ...]:
    """Return a claim's words: a list of texts, or one text separated by spaces (RFC 8693, section 4.2)."""
    if isinstance(value, str):
        return tuple(value.split())
    if is_list(value):
        return tuple(word for word in value if isinstance(word, str) and word)
    return ()
