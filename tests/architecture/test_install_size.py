"""What an installation without extras takes of the disk."""

from __future__ import annotations

import platform
import sys
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

#: Without bytecode. Wheels differ between systems; this is Linux on x86-64, where it is 78 MB.
MOST_BYTES = 80_000_000
PACKAGE = Path(__file__).parents[2] / "calypso_mcp"


def required_by(name: str) -> set[str]:
    """Return the distributions that `name` needs without extras, itself included."""
    found: set[tuple[str, str]] = set()
    left = [(name, "")]
    while left:
        asked = left.pop()
        if asked in found:
            continue
        found.add(asked)
        for requirement in map(Requirement, distribution(asked[0]).requires or ()):
            if requirement.marker is None or requirement.marker.evaluate({"extra": asked[1]}):
                needed = canonicalize_name(requirement.name)
                left += [(needed, extra) for extra in ("", *requirement.extras)]
    return {needed for needed, _ in found}


def size_of(files: list[Path]) -> int:
    return sum(file.stat().st_size for file in files if file.is_file() and file.suffix != ".pyc")


@pytest.mark.skipif((sys.platform, platform.machine()) != ("linux", "x86_64"), reason="wheels differ")
def test_an_installation_without_extras_stays_small() -> None:
    sizes = {
        name: size_of([Path(str(file.locate())) for file in distribution(name).files or ()])
        for name in required_by("calypso-mcp")
    }
    sizes["calypso-mcp"] = size_of(list(PACKAGE.rglob("*")))
    assert sum(sizes.values()) < MOST_BYTES, sorted(sizes.items(), key=lambda item: -item[1])[:12]
