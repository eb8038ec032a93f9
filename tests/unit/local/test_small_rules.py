"""Slugs, the create window, presence."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calypso_mcp.local.options import LocalOptions
from calypso_mcp.local.processes.presence import Presence
from calypso_mcp.local.rate_limit import CreateWindow
from calypso_mcp.local.refusals import Refusal
from calypso_mcp.local.slugs import slug_for, slug_of


@given(st.text(max_size=200))
def test_slugs_are_stable_and_url_safe(text: str) -> None:
    slug = slug_for(text, "bucket")
    assert slug
    assert set(slug) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert len(slug) <= 63
    assert slug_of(slug) == slug


def test_the_window_slides() -> None:
    now = 0.0
    window = CreateWindow(5, lambda: now)
    for tenth in range(5):
        now = tenth / 10
        window.admit()
    for now in (0.5, 0.9, 0.999):  # noqa: B007 - the clock reads it
        with pytest.raises(Refusal):
            window.admit()
    now = 1.0
    window.admit()
    with pytest.raises(Refusal):
        window.admit()
    now = 1.1
    window.admit()


def test_a_refused_request_does_not_count() -> None:
    now = 0.0
    window = CreateWindow(1, lambda: now)
    window.admit()
    for now in (0.2, 0.4, 0.6, 0.8):  # noqa: B007 - the clock reads it
        with pytest.raises(Refusal):
            window.admit()
    now = 1.0
    window.admit()


def test_no_limit_admits_everything() -> None:
    window = CreateWindow(None, lambda: 0.0)
    for _ in range(100):
        window.admit()


def test_a_process_is_gone_when_its_lock_is(tmp_path: Path) -> None:
    one, other = Presence(tmp_path), Presence(tmp_path)
    one.enter()
    other.enter()
    assert not one.is_gone(other.owner)
    assert not one.is_gone(one.owner)
    other.leave()
    assert one.is_gone(other.owner)
    assert one.is_gone("worker_never_seen")
    (tmp_path / "worker_killed").touch()
    one.forget_ended()
    assert {path.name for path in tmp_path.iterdir()} == {one.owner}
    one.leave()


def test_the_key_is_not_part_of_how_options_print(tmp_path: Path) -> None:
    assert "sk_secret" not in repr(LocalOptions(tmp_path, "sk_secret"))
