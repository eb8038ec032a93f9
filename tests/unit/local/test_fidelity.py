"""What other programs wrote is found in the passages, and cited where it stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.fidelity import is_cited_right, share_found
from tests.support.producers import Made, has_libreoffice, made_by_libraries, made_by_libreoffice
from tests.support.variants import made_by_hand

LEAST_SHARE = 0.98


@pytest.mark.parametrize("made", [*made_by_libraries(), *made_by_hand()], ids=lambda made: made.name)
def test_documents_of_libraries_are_read_whole_and_cited_right(made: Made) -> None:
    assert share_found(made) >= LEAST_SHARE
    assert is_cited_right(made)


@pytest.mark.skipif(not has_libreoffice(), reason="LibreOffice (soffice) is not installed")
def test_documents_of_libreoffice_are_read_whole_and_cited_right(tmp_path: Path) -> None:
    for made in made_by_libreoffice(tmp_path):
        assert (made.name, share_found(made) >= LEAST_SHARE, is_cited_right(made)) == (made.name, True, True)
