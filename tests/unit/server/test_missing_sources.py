from __future__ import annotations

import pytest

from calypso_mcp.server.batches.missing_sources import find_subfolders, list_gone_paths


@pytest.mark.parametrize(
    ("name", "present", "gone"),
    [
        ("leave.md", set[str](), ["/docs/hr/leave.md"]),
        ("leave.md", {"leave.md"}, []),
        ("hr/leave.md", set[str](), ["/docs/hr/hr/leave.md", "/docs/hr/leave.md"]),
        ("hr/leave.md", {"leave.md"}, ["/docs/hr/hr/leave.md"]),
        ("docs/hr/old/leave.md", {"docs"}, ["/docs/hr/old/leave.md"]),
        # Another folder's, which has a file of the same name.
        ("legal/leave.md", set[str](), ["/docs/hr/legal/leave.md"]),
    ],
)
def test_a_source_is_gone_from_where_its_name_leads_below_the_folder_or_one_above(
    name: str, present: set[str], gone: list[str]
):
    assert list_gone_paths("/docs/hr", name, present) == gone


@pytest.mark.parametrize(
    ("present", "gone"),
    [
        ({"hr/sub/other.md"}, ["/docs/leave.md", "/docs/hr/sub/leave.md", "/docs/it/leave.md"]),
        # The source may be the file that is there.
        ({"leave.md"}, []),
        ({"it/leave.md"}, ["/docs/leave.md"]),
        # Excluded.
        ({"hr"}, ["/docs/leave.md"]),
    ],
)
def test_a_source_of_a_folder_below_is_gone_unless_a_file_there_has_its_name(
    present: set[str], gone: list[str]
):
    assert list_gone_paths("/docs", "leave.md", present, ["hr/sub", "it"]) == gone


def test_a_folder_below_counts_as_sent_by_itself_if_names_begin_at_it():
    paths = ["it/b.md", "hr/a.md", "hr/b.md", "legal/c.md", "d.md", *(f"{n}/README.md" for n in range(99))]
    found, held = find_subfolders(paths, ["a.md", "b.md", "legal/c.md", "d.md", "README.md"])
    assert found == ["hr", "it", *map(str, range(8))]
    assert held == {"a.md", "b.md", "README.md"}
