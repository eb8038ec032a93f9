"""Hits that would only repeat better ones: copies, passages of one file, and of one table."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from calypso_mcp.local.indexing.formats.tables import is_table
from calypso_mcp.local.retrieval.index import Passage
from calypso_mcp.local.retrieval.ranking import Row, Standing

#: Characters that are compared first: copies begin alike.
_LOOKED_AT, _COMPARED = 64, 24


def without_repeats(
    ranked: Iterable[tuple[Row, Standing]], *, limit: int, per_file: int | None, once_per_table: bool
) -> list[Passage]:
    """Return the first `limit` passages, `per_file` of one file, without those that only repeat better ones.

    With `once_per_table`, so do those of a table that hold no more words of the query.
    """
    said = cache(_said)  # texts that begin alike are compared with each other
    kept: list[Passage] = []
    alike: dict[tuple[str, str], list[Passage]] = {}
    taken: dict[str, int] = {}
    of_table: dict[tuple[object, ...], int] = {}
    for row, standing in ranked:
        begin = row.heading, _said(row.text[:_LOOKED_AT])[:_COMPARED]
        copied = next(
            (earlier for earlier in alike.get(begin, ()) if said(earlier.text) == said(row.text)), None
        )
        if copied is not None:
            if row.file_id not in (copied.file_id, *copied.also_in):
                copied.also_in.append(row.file_id)
            continue
        if len(kept) == limit or (per_file is not None and taken.get(row.file_id, 0) >= per_file):
            continue
        if once_per_table and is_table(row.text):
            table = row.file_id, row.heading, row.part_kind, row.part_number, row.part_name
            known = of_table.get(table)
            if known is not None and not standing.held & ~known:
                continue
            of_table[table] = standing.held | (known or 0)
        taken[row.file_id] = taken.get(row.file_id, 0) + 1
        kept.append(Passage.stored(row[2:], standing.score, standing.closeness))
        alike.setdefault(begin, []).append(kept[-1])
    return kept


def _said(text: str) -> str:
    return " ".join(text.casefold().split())
