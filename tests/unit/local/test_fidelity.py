"""What other programs wrote is found in the passages, and cited where it stands."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.fidelity import is_cited_right, share_found, slices_back
from tests.support.producers import Made, has_libreoffice, made_by_libraries, made_by_libreoffice
from tests.support.producers_mail import made_as_outlook_messages
from tests.support.producers_office import (
    find_pandoc,
    has_node_writers,
    made_by_gnome,
    made_by_node,
    made_by_office_libraries,
    made_by_pandoc,
)
from tests.support.producers_pdf import made_as_pdf, made_by_pdf_programs
from tests.support.producers_programs import PROGRAMS
from tests.support.variants import made_by_hand

LEAST_SHARE = 0.98
MADE = [
    *made_by_libraries(),
    *made_by_hand(),
    *made_by_office_libraries(),
    *made_as_outlook_messages(),
    *made_as_pdf(),
]


def check(made: Made) -> None:
    assert (made.name, share_found(made) >= LEAST_SHARE, is_cited_right(made)) == (made.name, True, True)
    assert (made.name, slices_back(made)) == (made.name, True)


@pytest.mark.parametrize("made", MADE, ids=lambda made: made.name)
def test_documents_of_libraries_are_read_whole_and_cited_right(made: Made) -> None:
    check(made)


def test_pdfs_of_programs_are_read_whole_and_cited_right(tmp_path: Path) -> None:
    for made in made_by_pdf_programs(tmp_path):
        check(made)


@pytest.mark.skipif(find_pandoc() is None, reason="pandoc is not installed")
def test_documents_of_pandoc_are_read_whole_and_cited_right() -> None:
    for made in made_by_pandoc(find_pandoc() or ""):
        check(made)


@pytest.mark.skipif(not has_node_writers(), reason="not installed: npm install --prefix tests/node")
def test_documents_of_javascript_are_read_whole_and_cited_right(tmp_path: Path) -> None:
    for made in made_by_node(tmp_path):
        check(made)


def test_documents_of_gnumeric_and_abiword_are_read_whole_and_cited_right(tmp_path: Path) -> None:
    for made in made_by_gnome(tmp_path, {made.name: made.data for made in MADE}):
        check(made)


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(
            make,
            id=name,
            marks=pytest.mark.skipif(not is_there, reason=f"{name}: nothing of it is installed"),
        )
        for name, (make, is_there) in PROGRAMS.items()
    ],
)
def test_documents_of_further_programs_are_read_whole_and_cited_right(
    make: Callable[[Path], Iterator[Made]], tmp_path: Path
) -> None:
    for made in make(tmp_path):
        check(made)


@pytest.mark.skipif(not has_libreoffice(), reason="LibreOffice (soffice) is not installed")
def test_documents_of_libreoffice_are_read_whole_and_cited_right(tmp_path: Path) -> None:
    for made in made_by_libreoffice(tmp_path):
        check(made)
