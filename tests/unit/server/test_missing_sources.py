from __future__ import annotations

import pytest

from calypso_mcp.server.batches.missing_sources import list_gone_paths


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
