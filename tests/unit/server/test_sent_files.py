from __future__ import annotations

from calypso_mcp.server.sent_files import SentFiles


def test_a_path_has_changed_when_other_content_went_to_the_same_bucket_before():
    sent = SentFiles()
    assert not sent.note("docs", "/a.md", "one")
    assert not sent.note("docs", "/a.md", "one")
    assert sent.note("docs", "/a.md", "two")
    assert not sent.note("other", "/a.md", "three")


def test_the_paths_sent_longest_ago_are_forgotten_first():
    sent = SentFiles(most=2)
    for path in ("/a", "/b", "/a", "/c"):
        sent.note("docs", path, "one")
    assert sent.note("docs", "/a", "two")
    assert not sent.note("docs", "/b", "two")
