"""Secrets that this program makes for itself and keeps in its data folder."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path

from calypso_mcp.errors import ConfigError


def kept_secret(path: Path, make: Callable[[], str]) -> str:
    """Return the secret kept at `path`; the first call makes it.

    Only its owner may read the file. Processes that start together agree on one secret.

    Raises:
        ConfigError: The data folder cannot be used, or the file is empty or damaged.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not path.exists():
            _make(path, make())
        kept = path.read_text().strip()
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise ConfigError(
            f"--data-dir (CALYPSO_DATA_DIR): cannot keep a secret in {path.parent}: {reason}."
        ) from None
    except UnicodeDecodeError:
        kept = ""
    if not kept:
        # Whoever knows nothing would know it.
        raise ConfigError(
            f"--data-dir (CALYPSO_DATA_DIR): {path} is empty or damaged.",
            hint="Delete it: a new one is made.",
        )
    return kept


def _make(path: Path, secret: str) -> None:
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(f"{secret}\n")
            file.flush()
            # Else a power cut soon after leaves the name and no secret.
            os.fsync(descriptor)
        # Unlike a rename, a link never replaces what another process has made meanwhile.
        os.link(draft, path)
    except FileExistsError:
        return
    finally:
        draft.unlink()
