"""Prints, by format, how much of what other programs wrote is found, and cited where it stands.

Run it as `python -m tests.benchmarks.fidelity`. LibreOffice, Chromium, Typst, pandoc and tests/node are used
where they are installed.
"""

from __future__ import annotations

import tempfile
from collections import defaultdict
from pathlib import Path

from tests.support.fidelity import is_cited_right, share_found
from tests.support.producers import (
    CONVERSIONS,
    MORE_CONVERSIONS,
    Made,
    has_libreoffice,
    made_by_libraries,
    made_by_libreoffice,
)
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


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        made = [*made_by_libraries(), *made_by_hand()]
        made += [*made_by_office_libraries(), *made_as_outlook_messages(), *made_as_pdf()]
        programs = Path(folder)
        made += made_by_pdf_programs(programs)
        if has_libreoffice():
            made += made_by_libreoffice(programs, {**CONVERSIONS, **MORE_CONVERSIONS})
        if (pandoc := find_pandoc()) is not None:
            made += made_by_pandoc(pandoc)
        if has_node_writers():
            made += made_by_node(programs)
        made += made_by_gnome(programs, {entry.name: entry.data for entry in made})
        for number, (program, _) in enumerate(PROGRAMS.values()):
            (programs / f"{number}").mkdir()
            made += program(programs / f"{number}")
        by_format: defaultdict[str, list[Made]] = defaultdict(list)
        for entry in made:
            by_format[entry.name.rpartition(".")[2]].append(entry)
    print("| format | files | words found, least | cited right |")
    print("|---|---|---|---|")
    for name, files in sorted(by_format.items()):
        right = sum(map(is_cited_right, files))
        print(f"| {name} | {len(files)} | {min(map(share_found, files)):.0%} | {right} of {len(files)} |")


if __name__ == "__main__":
    main()
