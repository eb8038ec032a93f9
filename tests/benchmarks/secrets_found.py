"""How many generated secrets the search finds, and what it finds in documentation.

    python tests/benchmarks/secrets_found.py [FOLDER ...]

Prints how many tokens of each kind and keys in each surrounding are found, then every finding in the
folders, by default those with this machine's documentation and installed packages.
"""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path

from calypso_mcp.domain.files.text_bytes import looks_like_text
from calypso_mcp.server.files.secret_scan import Finding, find_secret
from tests.support.secret_samples import SURROUNDINGS, TOKENS, real_keys

_SAMPLES = 200
_LARGEST_BYTES = 25_000_000


def find(data: bytes) -> Finding | None:
    """Return the first secret in `data`."""
    return find_secret(lambda offset, length: data[offset : offset + length], len(data))


def main() -> None:
    """Print the three lists."""
    for kind, make in TOKENS.items():
        found = sum(find(f"use {make()} here\n".encode()) is not None for _ in range(_SAMPLES))
        print(f"{found:>4} of {_SAMPLES}  {kind}")
    keys = dict(real_keys())
    for surrounding, wrap in SURROUNDINGS.items():
        found = sum(find(wrap(key)) is not None for key in keys.values())
        print(f"{found:>4} of {len(keys)}  keys, {surrounding}")
    searched = 0
    for folder in sys.argv[1:] or ["/usr/share/doc", sysconfig.get_paths()["purelib"]]:
        for path in Path(folder).rglob("*"):
            if path.is_symlink() or not path.is_file() or path.stat().st_size > _LARGEST_BYTES:
                continue
            data = path.read_bytes()
            if looks_like_text(data[:8192]):
                searched += 1
                if finding := find(data):
                    print(f"{path}:{finding.line}: {finding.kind}")
    print(f"{searched:,} files of documentation and code searched")


if __name__ == "__main__":
    main()
