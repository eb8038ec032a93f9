"""Odd keys in a published set, each beside a good one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from calypso_mcp.server.access.oauth.key_set import matching, parse_key_set

RSA = {
    **json.loads(RSAAlgorithm.to_jwk(rsa.generate_private_key(65537, 2048).public_key())),
    "kid": "good",
    "use": "sig",
}
RSA.pop("key_ops", None)
EC = json.loads(ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP256R1()).public_key()))
ED = json.loads(OKPAlgorithm.to_jwk(ed25519.Ed25519PrivateKey.generate().public_key()))
OF_RSA = {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}


def published(*keys: Any) -> bytes:
    return json.dumps({"keys": list(keys)}).encode()


@pytest.mark.parametrize(
    "odd",
    [
        None,
        7,
        "text",
        [],
        {},
        {**RSA, "kid": 7},
        {**RSA, "kid": ["x"]},
        {**RSA, "kid": {"a": 1}},
        {**RSA, "kid": "odd", "alg": 7},
        {**RSA, "kid": "odd", "alg": ["RS256"]},
        {**RSA, "kid": "odd", "alg": "none"},
        {**RSA, "kid": "odd", "alg": "HS256"},
        {**RSA, "kid": "odd", "alg": "ES256"},
        {**RSA, "kid": "odd", "kty": "oct", "k": "c2VjcmV0" * 8},
        {**RSA, "kid": "odd", "kty": ["RSA"]},
        {**RSA, "kid": "odd", "n": 7},
        {**RSA, "kid": "odd", "n": "!"},
        {**RSA, "kid": "odd", "n": ""},
        {**RSA, "kid": "odd", "e": "AA"},
        {**RSA, "kid": "odd", "use": "enc"},
        {**RSA, "kid": "odd", "key_ops": ["encrypt"]},
        {**RSA, "kid": "odd", "key_ops": "verify"},
        {**EC, "kid": "odd", "crv": "P-999"},
        {**EC, "kid": "odd", "crv": ["P-256"]},
        {**EC, "kid": "odd", "x": "AA"},
        {**ED, "kid": "odd", "crv": "X25519"},
        {"kty": "nosuch", "kid": "odd"},
    ],
)
def test_an_odd_key_is_left_out_and_the_good_one_beside_it_is_not_lost(odd: Any) -> None:
    for keys in ([odd, RSA], [RSA, odd]):
        found = parse_key_set(published(*keys))
        assert [key.key_id for key in found] == ["good"]


def test_deep_nesting_in_one_key_does_not_cost_the_others() -> None:
    deep = b'{"kid": "deep", "x5c": ' + b"[" * 50_000 + b"]" * 50_000 + b"}"
    found = parse_key_set(b'{"keys": [' + deep + b"," + json.dumps(RSA).encode() + b"]}")
    assert [key.key_id for key in found] == ["good"]


@pytest.mark.parametrize(
    "text", [b"", b"[]", b"{}", b'{"keys": {}}', b'{"keys": []}', b"\xff", b"[" * 90_000]
)
def test_what_is_no_key_set_is_an_error(text: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - a reader's error or ours; both are one kind to the caller
        parse_key_set(text)


@pytest.mark.parametrize(
    ("key", "algorithms"),
    [
        (RSA, OF_RSA),
        ({**RSA, "alg": "PS256"}, {"PS256"}),
        ({**RSA, "key_ops": ["verify"]}, OF_RSA),
        (EC, {"ES256"}),
        (ED, {"EdDSA"}),
    ],
)
def test_a_key_serves_the_algorithm_it_states_or_every_one_of_its_type(
    key: dict[str, Any], algorithms: set[str]
) -> None:
    (found,) = parse_key_set(published(key))
    assert set(found.algorithms) == algorithms


@pytest.mark.parametrize(
    ("keys", "key_id", "algorithm", "expected"),
    [
        ([RSA], None, "RS256", "good"),
        ([RSA], None, "ES256", None),
        ([RSA, {**EC, "kid": "curve"}], None, "RS256", "good"),
        ([RSA, {**RSA, "kid": "other"}], None, "RS256", None),
        ([RSA, {**RSA, "kid": "other"}], "other", "PS512", "other"),
        ([RSA], "unknown", "RS256", None),
        ([{**EC, "kid": "good"}, RSA], "good", "RS256", "good"),
    ],
)
def test_a_key_is_found_by_its_id_or_where_it_is_the_only_one(
    keys: list[dict[str, Any]], key_id: str | None, algorithm: str, expected: str | None
) -> None:
    found = matching(parse_key_set(published(*keys)), key_id, algorithm)
    assert [key.key_id for key in found] == ([] if expected is None else [expected])


@pytest.mark.parametrize("key_id", ["good", None])
def test_keys_that_share_an_id_or_have_none_are_all_found_as_far_as_a_token_may_cost(
    key_id: str | None,
) -> None:
    same = {name: value for name, value in {**RSA, "kid": key_id}.items() if value is not None}
    assert len(matching(parse_key_set(published(same, EC, same)), key_id, "RS256")) == 2
    assert len(matching(parse_key_set(published(*[same] * 500)), key_id, "RS256")) == 8


@pytest.mark.parametrize("other", [{"kty": "oct"}, None, {**EC, "kid": "other"}])
def test_a_good_key_behind_hundreds_of_others_is_found(other: Any) -> None:
    keys = parse_key_set(published(*[other] * 500, RSA))
    assert matching(keys, "good", "RS256")
