"""Every value of a table stands under the name of its column and beside that of its row."""

from __future__ import annotations

from io import BytesIO
from zipfile import ZipFile

import docx
import openpyxl
import pytest
from docx.oxml import OxmlElement

from calypso_mcp.local.indexing.documents import Document, FileContent
from calypso_mcp.local.indexing.formats.html.reader import read_html
from calypso_mcp.local.indexing.formats.registry import choose_entry

Rows = list[list[str | int]]

#: A team that works on two days, a service with one price for both of them, and what spans the whole table.
SPANNING = (
    "<table><tr><td colspan=3>Shifts</td></tr><tr><th>Team</th><th>Day</th><th>Start</th></tr>"
    "<tr><td rowspan=2>Red</td><td>Mon</td><td>05:30</td></tr><tr><td>Tue</td><td>06:45</td></tr>"
    "<tr><td colspan=2>Porter</td><td rowspan=2>22:15</td></tr><tr><td>Cook</td><td>Sun</td></tr></table>"
)


def read(name: str, data: bytes) -> Document:
    return choose_entry(name, "", data[:8_192]).read(FileContent(data, name))


def workbook(rows: Rows, *merged: str) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in rows:
        sheet.append(row)
    for area in merged:
        sheet.merge_cells(area)
    book.save(target := BytesIO())
    return target.getvalue()


def lines(rows: Rows, *merged: str) -> list[str]:
    """Return the rows as they are read, without the name of the sheet."""
    return read("a.xlsx", workbook(rows, *merged)).text.splitlines()[2:]


def test_a_cell_of_a_page_that_spans_others_moves_none_out_of_its_column() -> None:
    assert read_html(FileContent(SPANNING.encode())).text.splitlines() == [
        "Shifts",
        "Team | Day | Start",
        "Red | Mon | 05:30",
        "Red | Tue | 06:45",
        "Porter |  | 22:15",
        "Cook | Sun | 22:15",
    ]


@pytest.mark.parametrize("span", ["0", "-1", "x", "²", "9" * 5_000, ""])
def test_an_absurd_span_is_none(span: str) -> None:
    page = (
        f"<table><tr><td colspan='{span}' rowspan='{span}'>a</td><td>b</td></tr><tr><td>c</td></tr></table>"
    )
    assert read_html(FileContent(page.encode())).text == "a | b\nc"


def test_cells_that_span_countless_rows_fill_no_memory() -> None:
    cell = f"<td rowspan=65534 colspan=1000>{'long ' * 50}</td>"
    page = f"<table><tr>{cell * 200}</tr>{'<tr><td>x</td></tr>' * 500}</table>"
    assert len(read_html(FileContent(page.encode())).text) < 5 * len(page)


def test_a_cell_of_a_document_that_spans_rows_stands_in_each() -> None:
    document = docx.Document()
    table = document.add_table(4, 2)
    rows = [["Service", "Price"], ["Wash", "10 EUR"], ["", "12 EUR"], ["Iron", "8 EUR"]]
    for row, texts in zip(table.rows, rows, strict=True):
        for cell, text in zip(row.cells, texts, strict=True):
            cell.text = text
    table.cell(1, 0).merge(table.cell(2, 0)).text = "Wash"
    document.save(target := BytesIO())
    assert read("a.docx", target.getvalue()).text == (
        "Service | Price\nWash | 10 EUR\nWash | 12 EUR\nIron | 8 EUR"
    )


def test_a_cell_of_a_sheet_that_spans_rows_stands_in_each() -> None:
    rows: Rows = [["team", "start"], ["Red", "05:30"], ["", "06:45"], ["Blue", "07:00"]]
    assert lines(rows, "A2:A3") == [
        "team: Red | start: 05:30",
        "team: Red | start: 06:45",
        "team: Blue | start: 07:00",
    ]


@pytest.mark.parametrize(
    ("header", "row", "read_as"),
    [
        (["depot", 2025, 2026], ["Oslo", 410, 365], "depot: Oslo | 2025: 410 | 2026: 365"),
        (["name", "name", "stock"], ["Oslo", "east", 5], "name: Oslo | name: east | stock: 5"),
        (["depot", "stock"], ["Oslo", "2026-01-01"], "depot: Oslo | stock: 2026-01-01"),
        (["Oslo", 2025, 12], ["Gdynia", 2026, 15], "Oslo | 2025 | 12"),
        (["Emma", 1815], ["Persuasion", 1817], "Emma | 1815"),
        (["Emma", 1999], ["Persuasion", 2001], "Emma | 1999"),
    ],
)
def test_years_and_repeated_names_are_names_of_columns_above_other_values(
    header: list[str | int], row: list[str | int], read_as: str
) -> None:
    assert lines([header, row])[0] == read_as
    text = "\n".join(",".join(map(str, cells)) for cells in (header, row))
    assert read("a.csv", text.encode()).text.splitlines()[0] == read_as


def test_columns_are_named_by_their_group_and_their_own_name() -> None:
    rows: Rows = [
        ["Shifts of 2026"],
        ["team", "early", "", "late", ""],
        ["", "from", "to", "from", "to"],
        ["Red", 5, 13, 14, 22],
    ]
    named = "team: Red | early from: 5 | early to: 13 | late from: 14 | late to: 22"
    assert lines(rows, "B2:C2", "D2:E2") == ["Shifts of 2026", "", named]
    assert lines([["", 2025, "", 2026], ["city", "in", "out", "in", "out"], ["Oslo", 1, 2, 3, 4]]) == [
        "city: Oslo | 2025 in: 1 | 2025 out: 2 | 2026 in: 3 | 2026 out: 4"
    ]


def test_of_three_rows_of_names_the_lower_two_name_the_columns() -> None:
    rows: Rows = [
        [2025, "", "", "", 2026, "", "", ""],
        ["Q1", "", "Q2", "", "Q1", "", "Q2", ""],
        ["in", "out", "in", "out", "in", "out", "in", "out"],
        [1, 2, 3, 4, 5, 6, 7, 8],
    ]
    assert lines(rows)[-1].startswith("Q1 in: 1 | Q1 out: 2 | Q2 in: 3 | Q2 out: 4 | Q1 in: 5")


def test_a_first_column_without_a_name_makes_no_groups_of_the_others() -> None:
    rows: Rows = [["", "Basic", "Pro"], ["Support", "email", "phone"], ["Users", 5, 50]]
    read_as = ["Support | Basic: email | Pro: phone", "Users | Basic: 5 | Pro: 50"]
    assert lines(rows) == read_as
    text = "\n".join(",".join(map(str, cells)) for cells in rows)
    assert read("a.csv", text.encode()).text.splitlines() == read_as


def test_a_second_table_of_a_sheet_has_its_own_names() -> None:
    rows: Rows = [
        ["Suppliers"],
        ["supplier", "city"],
        ["Corvus", "Bergen"],
        [],
        ["Larus", "Oslo"],
        [],
        ["Carriers"],
        ["carrier", "city", "mode"],
        ["Sterna", "Gdynia", "rail"],
        [],
        ["port", "fee"],
        ["Gdynia", 40],
    ]
    assert [line for line in lines(rows) if line] == [
        "Suppliers",
        "supplier: Corvus | city: Bergen",
        "supplier: Larus | city: Oslo",
        "Carriers",
        "carrier: Sterna | city: Gdynia | mode: rail",
        "port: Gdynia | fee: 40",
    ]


def test_what_may_be_names_or_values_names_no_column() -> None:
    rows: Rows = [["name", "city"], ["Ann", "Bergen"], [], ["Team B"], ["Bob", "Oslo"], ["Cid", "Gdynia"]]
    assert [line for line in lines(rows) if line] == [
        "name: Ann | city: Bergen",
        "Team B",
        "Bob | Oslo",
        "Cid | Gdynia",
    ]


@pytest.mark.parametrize("name", ["a.docx", "a.html"])
def test_names_of_columns_are_read_in_full_however_long_they_are(name: str) -> None:
    columns = [f"column {number} {'long ' * 60}end" for number in range(3)]
    rows = [[f"value {row} {column}" for column in range(3)] for row in range(200)]
    if name == "a.html":
        cells = ("".join(f"<td>{cell}</td>" for cell in row) for row in [columns, *rows])
        data = f"<table>{''.join(f'<tr>{row}</tr>' for row in cells)}</table>".encode()
    else:
        document = docx.Document()
        table = document.add_table(0, 3)
        for row in [columns, *rows]:
            for cell, text in zip(table.add_row().cells, row, strict=True):
                cell.text = text
        table.rows[0]._tr.get_or_add_trPr().append(OxmlElement("w:tblHeader"))  # pyright: ignore[reportPrivateUsage]
        document.save(target := BytesIO())
        data = target.getvalue()
    text = read(name, data).text
    assert all(column in text for column in columns)
    assert text.count("column 0") > 1


def test_a_form_has_no_names_of_columns_and_a_table_below_it_has() -> None:
    form: Rows = [
        ["Applicant", "Ottilie Beispiel"],
        ["Amount", 410],
        ["Term", "12 months"],
        ["Rate", "0.5 %"],
    ]
    table: Rows = [["depot", "stock"], ["Oslo", 5], ["Bergen", 7]]
    read_form = [f"{label} | {value}" for label, value in form]
    read_table = ["depot: Oslo | stock: 5", "depot: Bergen | stock: 7"]
    assert [line for line in lines([*form, [], *table]) if line] == [*read_form, *read_table]
    assert [line for line in lines([*table, [], *form]) if line] == [*read_table, *read_form]
    assert lines([["Applicant:", "Ann"], ["City:", "Oslo"]]) == ["Applicant: | Ann", "City: | Oslo"]


def test_a_control_character_in_a_cell_is_no_text() -> None:
    cell = "<is><t>first_x000D_&#10;second _x005F_x000D_</t></is>"
    package = BytesIO(workbook([["x"]]))
    with ZipFile(package) as source, ZipFile(target := BytesIO(), "w") as copy:
        for name in source.namelist():
            part = source.read(name)
            if name == "xl/worksheets/sheet1.xml":
                start, end = part.index(b"<c "), part.index(b"</c>")
                part = part[:start] + f'<c r="A1" t="inlineStr">{cell}'.encode() + part[end:]
            copy.writestr(name, part)
    assert read("a.xlsx", target.getvalue()).text.endswith("first second _x000D_")


def test_what_a_bank_says_of_an_account_names_no_columns_of_its_entries() -> None:
    facts = "Umsatzanzeige;Datei erstellt am: 05.03.2026\n\nIBAN;DE12 5001\nKontoname;Girokonto\nBank;ING\n"
    more = "Kunde;Ann Moe\nZeitraum;2026\nSaldo;1.234,56;EUR\n\nSortierung;Datum\n\nAlle gebuchten.\n\n"
    entries = "Buchung;Von;Saldo;Währung;Betrag;Währung\n05.03.2026;REWE;1.234,56;EUR;-45,67;EUR\n"
    *_, last = read("a.csv", (facts + more + entries).encode()).text.splitlines()
    assert last.startswith(
        "Buchung: 05.03.2026 | Von: REWE | Saldo: 1.234,56 | Währung: EUR | Betrag: -45,67"
    )
