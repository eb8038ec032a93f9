"""Text that only servers with the same secret can make, read or alter.

AES-256-GCM under a key of its own for each purpose (HKDF with SHA-256, RFC 5869), so that what was sealed
for one opens nothing of another. The mcp package loads the same parts of `cryptography` when it starts.
"""

from __future__ import annotations

import base64
import secrets
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_KEY_BYTES: Final = 32
_FEWEST_SECRET_BYTES: Final = 16
#: As the nonces of GCM are best (NIST SP 800-38D, section 8.2); a random one serves 2^32 texts.
_NONCE_BYTES: Final = 12


class Seal:
    """Seals and opens texts of one purpose."""

    def __init__(self, purpose: str, secret: bytes) -> None:
        """Derive the key of `purpose` from a secret of at least 16 random bytes."""
        if len(secret) < _FEWEST_SECRET_BYTES:
            raise ValueError(f"a secret needs at least {_FEWEST_SECRET_BYTES} bytes")
        derived = HKDF(SHA256(), length=_KEY_BYTES, salt=None, info=f"calypso-mcp {purpose}".encode())
        self._cipher = AESGCM(derived.derive(secret))

    def seal(self, content: bytes, holder: bytes = b"") -> str:
        """Return `content` as text for a URL, good for `holder` only."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = nonce + self._cipher.encrypt(nonce, content, holder)
        return base64.urlsafe_b64encode(sealed).decode().rstrip("=")

    def open(self, text: str, holder: bytes = b"") -> bytes | None:
        """Return the content; None for anything that was not sealed with this secret, purpose and holder."""
        try:
            sealed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], holder)
        except (ValueError, InvalidTag):
            return None
