"""How well rows of tables are found, and whether they are shown with the names of their columns.

    python -m tests.benchmarks.tables

Twelve tables of 10 to 200 rows in six formats share a bucket with texts that speak of the same things. Each
is searched for ten of its rows, by a sentence and by a few words. Printed are, by table, the mean reciprocal
rank of the passage that holds the row, and the shares of the queries whose first hit holds it, shows it, and
shows the name of the column asked for, too.
"""

from __future__ import annotations

import csv
import random
import sqlite3
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from io import BytesIO, StringIO

import docx
import openpyxl

from calypso_mcp.local.indexing.chunking import split
from calypso_mcp.local.indexing.documents import FileContent
from calypso_mcp.local.indexing.formats.registry import choose_entry
from calypso_mcp.local.indexing.formats.tables import CELL_SEPARATOR
from calypso_mcp.local.retrieval import index
from calypso_mcp.local.retrieval.search import search

ROWS_ASKED_FOR = 10
DEPTH = 10
_SERVICES_WORDS = """
    Radwechsel Ölwechsel Bremsbeläge Kettenspannung Lichtprüfung Speichentausch Sattelmontage
    Lenkerband Kugellager Gabelservice Rahmenprüfung Reifendruck Kassettentausch Tretlager Schaltzug
    Nabenservice Felgenband Klingel Pedaltausch Schutzblech
"""
_DEPARTMENTS_WORDS = """
    Archives Bakery Choir Dispatch Estates Finance Gardens Hygiene Internet Journal Kitchen Library
    Museum Nursery Orchestra
"""
_MEDICINES_WORDS = """
    Amoxil Brivex Cortan Dolomin Enapril Ferrolit Gastrin Heparol Ibumed Jodan
"""
_FIRST_WORDS = """
    Anna Boris Carla David Elena Farid Greta Hugo Ines Jonas Kira Leon Mara Nils Olga
"""
_LAST_WORDS = """
    Adler Brandt Costa Dietz Engel Falk Graf Hartwig Iven Jansen Krause Lorenz Moser Novak Osei
"""
_TOWNS_WORDS = """
    Aachen Bergen Chester Dover Essen Fulda Genoa Hamm Imst Jena Kiel Lyon Metz Narvik Oslo Porto
"""
_SERVICES = _SERVICES_WORDS.split()
_DEPARTMENTS = _DEPARTMENTS_WORDS.split()
_MEDICINES = _MEDICINES_WORDS.split()
FIRST = _FIRST_WORDS.split()
LAST = _LAST_WORDS.split()
TOWNS = _TOWNS_WORDS.split()


@dataclass(frozen=True)
class Table:
    """A table, the questions for a row of it, and a text beside it that uses its words.

    Attributes:
        file: Its name, which says in which format it is written.
        title: Stands above it.
        columns: Their names.
        rows: How many it has.
        row: Returns the cells of a row, by its number from 0.
        asked: Questions with places for cells, each with the number of the column asked for.
        beside: A text in the same bucket.
    """

    file: str
    title: str
    columns: Sequence[str]
    rows: int
    row: Callable[[int, random.Random], Sequence[str]]
    asked: Sequence[tuple[str, int]]
    beside: str


def _name(number: int) -> str:
    return f"{FIRST[number % 15]} {LAST[(number // 15 + number) % 15]}"


TABLES = (
    Table(
        "rents.xlsx",
        "Rents of the harbour park",
        ("Unit", "Area", "Monthly rent", "Tenant"),
        40,
        lambda n, draw: (
            f"Hall {n + 1}",
            f"{draw.randrange(60, 900)} m2",
            f"{draw.randrange(400, 9_000)} EUR",
            f"{LAST[n % 15]} Ltd",
        ),
        (("What is the monthly rent of {0}?", 2), ("{0} tenant", 3)),
        "The monthly rent of a hall is due on the third working day. The tenant pays the rent of the hall "
        "by transfer. A tenant who is late with the monthly rent pays interest. The area of a unit is "
        "measured between its inner walls; the rent of each unit follows from its area.",
    ),
    Table(
        "staff.csv",
        "",
        ("Name", "Department", "Extension", "Room"),
        60,
        lambda n, draw: (
            _name(n),
            draw.choice(("Sales", "Purchasing", "Logistics", "Accounts")),
            str(2_000 + 7 * n),
            f"B{100 + n}",
        ),
        (("What is the extension of {0}?", 2), ("room of {0}", 3)),
        "Every department has a list with the extension of each colleague. To reach a colleague in another "
        "room, dial 0 and the extension. The name on the door of a room and the extension on the phone are "
        "changed by the caretaker. Ask Anna Adler in Sales about extension numbers.",
    ),
    Table(
        "shipments.csv",
        "",
        ("Shipment", "Destination", "Carrier", "Weight kg", "Status"),
        200,
        lambda n, draw: (
            f"SH-{48_100 + 13 * n}",
            draw.choice(TOWNS),
            draw.choice(("Norvik Freight", "Baltic Line", "Alpen Express")),
            str(draw.randrange(12, 990)),
            draw.choice(("delivered", "on the way", "held at customs")),
        ),
        (("Where is shipment {0} going to?", 1), ("weight {0}", 3)),
        "A shipment is weighed before the carrier takes it over. If the weight of a shipment differs from "
        "the papers, its status is held. The destination of a shipment can be changed until the carrier has"
        " left. Shipments to Oslo and Bergen go with Norvik Freight.",
    ),
    Table(
        "exams.html",
        "Exams in summer",
        ("Course", "Date", "Hall", "Examiner"),
        25,
        lambda n, draw: (
            f"{('Algebra', 'Botany', 'Chemistry', 'Drawing', 'Ethics')[n % 5]} {n // 5 + 1}",
            f"{n + 3} July",
            draw.choice(("North", "South", "Aula")),
            _name(n * 3),
        ),
        (("When is the exam of the course {0}?", 1), ("examiner {0}", 3)),
        "The examiner opens the exam at nine. The date of an exam is fixed in May; whoever misses the date "
        "of the exam of a course writes it in the next summer. An examiner of another course may stand in. "
        "Bring a card with your name to the hall of the exam.",
    ),
    Table(
        "parts.docx",
        "Spare parts of the RX series",
        ("Part number", "Description", "Price", "Delivery"),
        150,
        lambda n, draw: (
            f"RX{7_000 + 31 * n}",
            f"{('gasket', 'bearing', 'filter', 'belt', 'valve', 'spring')[n % 6]} {n // 6 + 10} mm",
            f"{draw.randrange(3, 190)}.50 EUR",
            f"{draw.randrange(1, 30)} days",
        ),
        (("How much does the part {0} cost, what is its price?", 2), ("{1} part number", 0)),
        "Prices of spare parts are without tax. The price of a part with a number that begins with RX "
        "changes in January. Delivery of a part takes longer in summer. For a gasket, a bearing or a filter"
        " without a part number send us a picture with a description.",
    ),
    Table(
        "departures.tsv",
        "",
        ("Line", "Stop", "Departure", "Platform"),
        80,
        lambda n, draw: (
            f"Line {n % 8 + 1}",
            f"{TOWNS[n // 8]} {('station', 'market')[n % 2]}",
            f"{5 + n // 6:02}:{7 * n % 60:02}",
            str(draw.randrange(1, 12)),
        ),
        (("When does {0} leave from {1}, what is the departure?", 2), ("{0} {1} platform", 3)),
        "Buses leave from the platform that the display names. The departure of a line may be late by up to"
        " five minutes at the station of each town. Lines 1 to 4 leave every hour, lines 5 to 8 every other"
        " hour. Line 9 does not stop at the market.",
    ),
    Table(
        "Preise.md",
        "Preise der Werkstatt",
        ("Leistung", "Preis", "Dauer"),
        20,
        lambda n, draw: (
            _SERVICES[n],
            f"{draw.randrange(9, 180)} Euro",
            f"{draw.randrange(10, 120)} Minuten",
        ),
        (("Was kostet der Posten {0}, welcher Preis?", 1), ("Dauer {0}", 2)),
        "Die Preise der Werkstatt gelten ab Januar. Der Preis einer Leistung enthält die Steuer. Die Dauer "
        "der Arbeit hängt vom Zustand des Rades ab; eine Leistung ohne Preis wird nach Dauer berechnet. Ein"
        " Radwechsel ist ohne Termin möglich.",
    ),
    Table(
        "Kontakte.csv",
        "",
        ("Firma", "Ansprechpartner", "Telefon", "Ort"),
        30,
        lambda n, draw: (
            f"{LAST[n % 15]} {('Bau', 'Holz')[n // 15]} GmbH",
            _name(n * 2),
            f"0711 55{draw.randrange(1_000, 9_999)}",
            TOWNS[n % 16],
        ),
        (("Welche Telefonnummer hat die Firma {0}?", 2), ("Ansprechpartner {0}", 1)),
        "Jede Firma nennt uns einen Ansprechpartner mit Telefon und Ort. Wechselt der Ansprechpartner, "
        "meldet die Firma das per Telefon oder Brief. Firmen aus Kiel und Jena liefern am Montag. Ohne "
        "Ansprechpartner wird kein Auftrag vergeben.",
    ),
    Table(
        "budget.xlsx",
        "Budget by department",
        ("Department", "2024", "2025", "2026"),
        15,
        lambda n, draw: (
            _DEPARTMENTS[n],
            *(str(draw.randrange(10_000, 90_000)) for _ in range(3)),
        ),
        (("What is the budget of the department {0} in 2025?", 2), ("{0} 2026", 3)),
        "The budget of a department for 2026 is decided in October 2025. A department that has spent less "
        "than its budget in 2024 may keep the rest. The budget of the library and of the museum is doubled "
        "if the town agrees. The kitchen has a budget of its own since 2024.",
    ),
    Table(
        "medication.docx",
        "Medication plan",
        ("Medicine", "Dose", "Morning", "Evening"),
        10,
        lambda n, draw: (
            _MEDICINES[n],
            f"{draw.randrange(1, 40) * 5} mg",
            str(draw.randrange(0, 3)),
            str(draw.randrange(0, 3)),
        ),
        (("Which dose of {0} is taken?", 1), ("{0} evening", 3)),
        "Medicine is taken in the morning and in the evening with water. A dose that was forgotten in the "
        "morning is not doubled in the evening. Do not take a dose of iron with milk. Ask the doctor before"
        " another medicine is taken, and keep each medicine in its box.",
    ),
    Table(
        "tides.html",
        "Tides at the north pier",
        ("Day", "High water", "Low water", "Height"),
        120,
        lambda n, draw: (
            f"{n % 30 + 1} {('April', 'May', 'June', 'August')[n // 30]}",
            f"{draw.randrange(0, 12):02}:{draw.randrange(60):02}",
            f"{draw.randrange(12, 24):02}:{draw.randrange(60):02}",
            f"{draw.randrange(20, 60) / 10} m",
        ),
        (("When is high water on {0}?", 1), ("height {0} tide", 3)),
        "At high water boats may pass the north pier, at low water they may not. The height of the tide is "
        "measured from the lowest low water of the year. In April and May the height of high water is "
        "greater than in June. After a storm high water may come an hour early.",
    ),
    Table(
        "clubs.md",
        "Clubs and who leads them",
        ("Club", "Leader", "Meets", "Fee"),
        90,
        lambda n, draw: (
            f"{TOWNS[n % 16]} {('Chess', 'Rowing', 'Choir', 'Cycling', 'Judo', 'Film')[n // 16]} Club",
            _name(n * 4 + 1),
            draw.choice(("Monday", "Tuesday", "Friday")),
            f"{draw.randrange(10, 99)} EUR",
        ),
        (("Who is the leader of the {0}?", 1), ("fee {0}", 3)),
        "A club needs a leader and a room. The fee of a club is paid once a year; the leader of the club "
        "may waive the fee. The chess club of Oslo and the choir of Genoa visit each other. A club whose "
        "leader retires meets on Monday until there is a new leader.",
    ),
)


def rows_of(table: Table) -> list[Sequence[str]]:
    """Return the cells of its rows, the same in every run."""
    draw = random.Random(table.file)
    return [table.row(number, draw) for number in range(table.rows)]


def write(table: Table) -> bytes:
    """Return the file."""
    kind = table.file.rpartition(".")[2]
    rows = [table.columns, *rows_of(table)]
    target = BytesIO()
    if kind in {"csv", "tsv"}:
        text = StringIO()
        csv.writer(text, delimiter="," if kind == "csv" else "\t").writerows(rows)
        return text.getvalue().encode()
    if kind == "md":
        lines = ["| " + " | ".join(row) + " |" for row in (rows[0], ["---"] * len(rows[0]), *rows[1:])]
        return "\n".join([f"# {table.title}\n", *lines]).encode()
    if kind == "html":
        cells = ["".join(f"<td>{escape(cell)}</td>" for cell in row) for row in rows]
        body = "".join(f"<tr>{row}</tr>" for row in (cells[0].replace("td>", "th>"), *cells[1:]))
        return f"<h1>{table.title}</h1><table>{body}</table>".encode()
    if kind == "xlsx":
        book = openpyxl.Workbook()
        sheet = book.active
        assert sheet is not None
        sheet.title = table.title
        for row in rows:
            sheet.append(list(row))
        book.save(target)
        return target.getvalue()
    document = docx.Document()
    document.add_heading(table.title, 1)
    grid = document.add_table(rows=len(rows), cols=len(rows[0]))
    for cell, text in zip(grid._cells, (text for row in rows for text in row), strict=True):
        cell.text = text
    document.save(target)
    return target.getvalue()


def fill(connection: sqlite3.Connection) -> None:
    """Index the tables, and the texts beside them."""
    connection.executescript(index.SCHEMA)
    for table in TABLES:
        stem = table.file.partition(".")[0]
        for name, data in ((table.file, write(table)), (f"about {stem}.txt", table.beside.encode())):
            entry = choose_entry(name, "", data[:8_192])
            index.add(connection, name, ["all"], None, name, split(entry.read(FileContent(data, name))))
    connection.commit()


@dataclass(frozen=True)
class Judged:
    """What a search for a row found: 1 / rank of its passage, and what its first hit holds and shows."""

    rank: float
    is_first: bool
    is_shown: bool
    is_named: bool
    shown_chars: int


def judge(connection: sqlite3.Connection, table: Table) -> Iterator[Judged]:
    """Search for every so many rows, the first and the last among them."""
    rows = rows_of(table)
    last = table.rows - 1
    for number in range(ROWS_ASKED_FOR):
        row = rows[last * number // (ROWS_ASKED_FOR - 1)]
        for question, column in table.asked:
            query = question.format(*row)
            hits = search(connection, query, ["all"], limit=DEPTH, once_per_table=True, with_matches=True)
            ranks = [rank for rank, hit in enumerate(hits, 1) if _holds(hit.text, row)]
            start, end = (hits[0].match if hits else None) or (0, 0)
            shown = hits[0].text[start:end] if hits else ""
            is_shown = _holds(shown, row)
            yield Judged(
                1 / ranks[0] if ranks else 0.0,
                ranks[:1] == [1],
                is_shown,
                is_shown and table.columns[column] in shown,
                len(shown),
            )


def _holds(text: str, row: Sequence[str]) -> bool:
    """Whether a line of `text` has all cells of a row, with or without the names of their columns."""
    return any(
        all(any(said == cell or said.endswith(f": {cell}") for said in cells) for cell in row)
        for cells in (line.strip("| ").split(CELL_SEPARATOR) for line in text.splitlines())
    )


def main() -> None:
    """Print a row for each table."""
    connection = sqlite3.connect(":memory:")
    fill(connection)
    judged = {table.file: list(judge(connection, table)) for table in TABLES}
    judged["all"] = [found for of_table in judged.values() for found in of_table]
    print(f"{'table':16} {'MRR':>6} {'first':>6} {'shown':>6} {'named':>6} {'chars':>6}")
    for name, found in judged.items():
        marks = [
            (judgement.rank, judgement.is_first, judgement.is_shown, judgement.is_named)
            for judgement in found
        ]
        shares = [statistics.fmean(values) for values in zip(*marks, strict=True)]
        length = statistics.fmean(judgement.shown_chars for judgement in found)
        print(f"{name:16}", *(f"{share:6.3f}" for share in shares), f"{length:6.0f}")
    connection.close()


if __name__ == "__main__":
    main()
