"""An OAuth issuer whose key address is a transport, and a clock that the test moves."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx2
import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

ISSUER = "https://issuer.example"
AUDIENCE = "https://mcp.example/mcp"


@dataclass
class Clock:
    """Seconds that pass when the test says so."""

    now_s: float = 1000.0

    def __call__(self) -> float:
        return self.now_s


@dataclass
class Issuer:
    """Signs tokens and publishes its keys."""

    keys: dict[str, rsa.RSAPrivateKey] = field(default_factory=dict)
    fetches: int = 0
    #: Headers of the last fetch.
    asked: Mapping[str, str] = field(default_factory=dict[str, str])
    answer: Any = None

    def add_key(self, key_id: str) -> None:
        self.keys[key_id] = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def document(self) -> dict[str, Any]:
        return {
            "keys": [
                {**json.loads(RSAAlgorithm.to_jwk(key.public_key())), "kid": key_id, "use": "sig"}
                for key_id, key in self.keys.items()
            ]
        }

    def handle(self, request: httpx2.Request) -> httpx2.Response:
        self.fetches += 1
        self.asked = request.headers
        assert "authorization" not in request.headers
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer or httpx2.Response(200, json=self.document())

    @property
    def transport(self) -> httpx2.MockTransport:
        return httpx2.MockTransport(self.handle)

    def token(self, key_id: str = "k1", headers: dict[str, Any] | None = None, **changes: Any) -> str:
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": "alice",
            "exp": now + 300,
            "nbf": now - 5,
            "calypso_buckets": ["handbook"],
            **changes,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(
            claims, self.keys[key_id], algorithm="RS256", headers={"kid": key_id, **(headers or {})}
        )
