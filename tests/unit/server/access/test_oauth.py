import json
import time
from typing import Any

import httpx2
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from calypso_mcp.domain.callers.access import AccessGrant, ScopeLimit
from calypso_mcp.errors import ConfigError
from calypso_mcp.server.access.credentials import grant_of_token
from calypso_mcp.server.access.oauth.resource_server import OAuthPolicy, OAuthVerifier
from calypso_mcp.server.access.oauth.signing_keys import SigningKeys
from tests.support.oauth_issuer import AUDIENCE, ISSUER, Issuer


def verifier(issuer: Issuer, **policy: Any) -> OAuthVerifier:
    keys = SigningKeys(f"{ISSUER}/jwks", transport=issuer.transport)
    return OAuthVerifier(OAuthPolicy(issuer=ISSUER, audience=AUDIENCE, **policy), keys)


async def grant_of(issuer: Issuer, token: str, **policy: Any) -> AccessGrant | None:
    accepted = await verifier(issuer, **policy).verify_token(token)
    return None if accepted is None else grant_of_token(accepted)


async def test_a_good_token_reaches_the_buckets_of_its_claim(issuer: Issuer) -> None:
    token = issuer.token(calypso_buckets=["handbook", "pricing"])
    accepted = await verifier(issuer).verify_token(token)
    assert accepted is not None
    assert accepted.resource == AUDIENCE
    assert accepted.subject == "alice"
    assert token not in repr(accepted)
    claims = jwt.decode(token, options={"verify_signature": False})
    assert accepted.expires_at == claims["exp"] + 30
    grant = await grant_of(issuer, token)
    assert grant is not None
    assert grant.name == "oauth:alice"
    assert grant.expires_at == accepted.expires_at
    assert grant.limit == ScopeLimit(frozenset({"handbook", "pricing"}))


@pytest.mark.parametrize(
    ("claim", "buckets"),
    [("a b", ["a", "b"]), (["a", 3, ""], ["a"]), (None, []), ({"a": 1}, []), ("", []), (7, [])],
)
async def test_a_claim_that_names_no_bucket_reaches_none(
    issuer: Issuer, claim: Any, buckets: list[str]
) -> None:
    grant = await grant_of(issuer, issuer.token(calypso_buckets=claim))
    assert grant is not None
    assert grant.limit == ScopeLimit(frozenset(buckets))


@pytest.mark.parametrize(("scope", "read_only"), [("read", True), ("read write", False), (None, True)])
async def test_a_token_without_the_write_scope_may_only_read(
    issuer: Issuer, scope: str | None, read_only: bool
) -> None:
    grant = await grant_of(issuer, issuer.token(scope=scope), write_scope="write")
    assert grant is not None
    assert grant.read_only is read_only


@pytest.mark.parametrize("scopes", [{"scope": "a b"}, {"scp": ["a", "b"]}])
async def test_the_scopes_of_a_token_are_passed_on(issuer: Issuer, scopes: dict[str, Any]) -> None:
    accepted = await verifier(issuer).verify_token(issuer.token(**scopes))
    assert accepted is not None
    assert accepted.scopes == ["a", "b"]


@pytest.mark.parametrize("is_named", [True, False])
async def test_a_token_is_good_whichever_of_the_keys_of_one_id_has_signed_it(
    issuer: Issuer, is_named: bool
) -> None:
    issuer.add_key("k2")
    published = issuer.document()["keys"]
    for key in published:
        del key["kid"]
        key.update({"kid": "shared"} if is_named else {})
    issuer.answer = httpx2.Response(200, json={"keys": published})
    claims = jwt.decode(issuer.token(), options={"verify_signature": False})
    for name in ("k1", "k2"):
        token = jwt.encode(claims, issuer.keys[name], "RS256", {"kid": "shared"} if is_named else None)
        assert await grant_of(issuer, token) is not None
    stranger = rsa.generate_private_key(65537, 2048)
    token = jwt.encode(claims, stranger, "RS256", {"kid": "shared"} if is_named else None)
    assert await grant_of(issuer, token) is None


@pytest.mark.parametrize("algorithm", ["RS384", "PS256", "PS512"])
async def test_a_key_without_an_algorithm_verifies_every_one_of_its_type(
    issuer: Issuer, algorithm: str
) -> None:
    claims = jwt.decode(issuer.token(), options={"verify_signature": False})
    for headers in ({"kid": "k1"}, {}):
        token = jwt.encode(claims, issuer.keys["k1"], algorithm, headers)
        assert await grant_of(issuer, token) is not None


@pytest.mark.parametrize(
    "exp", ["1e12", "1" + "0" * 30, "1" + "0" * 400, "1" + "0" * 5000, "Infinity", "1e300", "NaN", "[]"]
)
async def test_an_expiry_beyond_reason_is_refused(issuer: Issuer, exp: str) -> None:
    claims = jwt.decode(issuer.token(), options={"verify_signature": False})
    payload = json.dumps({**claims, "exp": 0}).replace('"exp": 0', f'"exp": {exp}')
    assert await grant_of(issuer, signed(issuer, payload)) is None


async def test_claims_nested_without_end_are_refused(issuer: Issuer) -> None:
    assert await grant_of(issuer, signed(issuer, "[" * 5_000)) is None


def signed(issuer: Issuer, payload: str) -> str:
    """Return a token with claims that the library would not write."""
    return jwt.PyJWS().encode(payload.encode(), issuer.keys["k1"], "RS256", {"kid": "k1"})


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://issuer.example/"},
        {"iss": "https://evil.example"},
        {"iss": None},
        {"aud": "https://mcp.example/other"},
        {"aud": ["https://a.example", "https://b.example"]},
        {"aud": None},
        {"sub": None},
        {"exp": None},
    ],
)
async def test_a_token_for_somebody_else_is_refused(issuer: Issuer, changes: dict[str, Any]) -> None:
    assert await grant_of(issuer, issuer.token(**changes)) is None


@pytest.mark.parametrize(("claim", "from_now_s"), [("exp", -60), ("nbf", 600)])
async def test_a_token_for_some_other_time_is_refused(issuer: Issuer, claim: str, from_now_s: int) -> None:
    changes: dict[str, Any] = {claim: int(time.time()) + from_now_s}
    assert await grant_of(issuer, issuer.token(**changes)) is None


async def test_an_audience_list_that_names_this_server_is_accepted(issuer: Issuer) -> None:
    assert await grant_of(issuer, issuer.token(aud=["https://other.example", AUDIENCE])) is not None


async def test_a_token_signed_by_another_key_under_a_known_id_is_refused(issuer: Issuer) -> None:
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    forged = jwt.encode(
        jwt.decode(issuer.token(), options={"verify_signature": False}), other, "RS256", {"kid": "k1"}
    )
    assert await grant_of(issuer, forged) is None


async def test_unsigned_symmetric_and_malformed_tokens_are_refused_without_a_fetch(issuer: Issuer) -> None:
    claims = jwt.decode(issuer.token(), options={"verify_signature": False})
    for token in (
        jwt.encode(claims, "", "none"),
        jwt.encode(claims, "k" * 64, "HS256", {"kid": "k1"}),
        "",
        "a.b.c",
        "x" * 10_000,
        "\udcff",
    ):
        assert await grant_of(issuer, token) is None
    assert issuer.fetches == 0


def test_a_policy_that_would_trust_anybody_is_refused() -> None:
    with pytest.raises(ConfigError):
        OAuthPolicy(issuer="http://issuer.example", audience=AUDIENCE)


@pytest.mark.parametrize("subject", ["bob\nINFO forged", "a" * 500, "ünïcode"])
async def test_a_subject_that_could_forge_a_log_line_is_replaced_by_its_hash(
    issuer: Issuer, subject: str
) -> None:
    grant = await grant_of(issuer, issuer.token(sub=subject))
    assert grant is not None
    assert grant.name.startswith("oauth:sha256:")
    assert subject not in grant.name
