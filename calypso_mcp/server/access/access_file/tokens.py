"""Bearer tokens of the access file: made here, stored only as hashes."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets

from calypso_mcp.errors import ConfigError

PREFIX = "cmt"
_HASH_SCHEME = "sha256:"
#: Stands for a name in the lines to paste, until the operator writes one.
BLANK = "…"
_RANDOM_BYTES = 32
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,38}[A-Za-z0-9])?")
_HASH = re.compile(r"sha256:[0-9a-f]{64}")


def is_name(name: str) -> bool:
    """Whether an agent may be called `name`: letters, digits, dots and hyphens, at most 40."""
    return _NAME.fullmatch(name) is not None


def is_hash(text: str) -> bool:
    """Whether `text` is a token hash as `hash_token` makes it."""
    return _HASH.fullmatch(text) is not None


def new_token(name: str) -> str:
    """Return a new token `cmt_<name>_<256 random bits>`. It is shown once and stored nowhere.

    Raises:
        ConfigError: `name` is not a possible agent name.
    """
    if not is_name(name):
        raise ConfigError(
            f"{name!r} cannot name an agent: use letters, digits, dots and hyphens, at most 40 characters."
        )
    return f"{PREFIX}_{name}_{secrets.token_urlsafe(_RANDOM_BYTES)}"


def hash_token(token: str) -> str:
    """Return what the access file stores of `token`.

    A slow, salted password hash would protect nothing more: a token carries 256 random bits, so neither
    a dictionary nor a table of hashes can exist, and a slow hash would slow down every request instead.
    """
    return _HASH_SCHEME + hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def matches(presented_hash: str, stored_hash: str) -> bool:
    """Whether both hashes are the same, in a time that does not depend on where they differ."""
    return hmac.compare_digest(presented_hash.encode(), stored_hash.encode())


def access_file_entry(name: str, token: str) -> str:
    """Return the lines that let `token` in when they are pasted into an access file."""
    return (
        f'[agents."{name}"]\n'
        f'token_hash = "{hash_token(token)}"\n'
        f'buckets = ["{BLANK}"]          # or: agent = "{BLANK}", or: all_buckets = true\n'
        "read_only = true\n"
    )
