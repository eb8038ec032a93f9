"""The usable keys of a published key set (RFC 7517). A key that cannot be used does not affect the others."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from calypso_mcp.domain.json_text import pruned
from calypso_mcp.domain.json_values import is_list, is_object

_RSA = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
#: Signature algorithms of each kind of key (RFC 7518, section 3.1; RFC 8037, section 3.1), by type and curve.
#: Only asymmetric ones: with a symmetric "public" key anyone who can read the set could sign tokens.
_ALGORITHMS: dict[tuple[str, str], tuple[str, ...]] = {
    ("RSA", ""): _RSA,
    ("EC", "P-256"): ("ES256",),
    ("EC", "P-384"): ("ES384",),
    ("EC", "P-521"): ("ES512",),
    ("OKP", "Ed25519"): ("EdDSA",),
}
#: Every algorithm that is allowed.
ALGORITHMS = tuple(name for names in _ALGORITHMS.values() for name in names)
#: The members of a public key that are read; all of them are texts.
_MEMBERS = frozenset({"kty", "crv", "n", "e", "x", "y"})
#: A caller chooses the id, and so how many signatures one token makes the server check.
_MOST_OF_ONE_ID = 8
#: A set has three levels: itself, its list, a key. A key's lists of texts add one.
_DEPTH = 4


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key that verifies signatures.

    Attributes:
        key_id: Its name in the set; None: it has none.
        algorithms: What it may verify: the algorithm it states, or every one of its type.
        key: As PyJWT takes it.
    """

    key_id: str | None
    algorithms: tuple[str, ...]
    key: Any


def parse_key_set(text: bytes) -> list[SigningKey]:
    """Return the keys of the set `text` that verify signatures.

    However many: the 256 KiB that `SigningKeys` reads hold what takes a tenth of a second.

    Raises:
        ValueError: It is not a key set, or has no usable key.
    """
    document: Any = json.loads(pruned(text, _DEPTH))
    entries = document.get("keys") if is_object(document) else None
    if not is_list(entries):
        raise ValueError("not a key set")
    keys = [key for entry in entries if (key := _usable(entry)) is not None]
    if not keys:
        raise ValueError("no usable key")
    return keys


def matching(keys: Sequence[SigningKey], key_id: str | None, algorithm: str) -> Sequence[SigningKey]:
    """Return the keys called `key_id` for `algorithm`, in their order.

    Without an id: those that have none, or else the only one. Keys may share an id (RFC 7517, section 4.5
    only advises against it), as they do while an issuer replaces one by another.
    """
    fitting = [key for key in keys if algorithm in key.algorithms]
    named = [key for key in fitting if key.key_id == key_id]
    if not named and key_id is None and len(fitting) == 1:
        return fitting
    return named[:_MOST_OF_ONE_ID]


def _usable(entry: Any) -> SigningKey | None:
    if not is_object(entry):
        return None
    key_id, stated = entry.get("kid"), entry.get("alg")
    if not isinstance(key_id, str | None) or not isinstance(stated, str | None) or not _may_verify(entry):
        return None
    public = {name: value for name, value in entry.items() if name in _MEMBERS and isinstance(value, str)}
    algorithms = _ALGORITHMS.get((public.get("kty", ""), public.get("crv", "")), ())
    if stated is not None:
        algorithms = tuple(name for name in algorithms if name == stated)
    if not algorithms:
        return None
    from jwt import PyJWK, PyJWTError

    try:
        return SigningKey(key_id, algorithms, PyJWK(public, algorithms[0]).key)
    except (PyJWTError, ValueError, TypeError, KeyError):
        return None


def _may_verify(fields: dict[str, Any]) -> bool:
    """Whether a key is published for verifying signatures (RFC 7517, sections 4.2 and 4.3)."""
    operations: Any = fields.get("key_ops")
    return fields.get("use") in (None, "sig") and (
        operations is None or (isinstance(operations, list) and "verify" in operations)
    )
