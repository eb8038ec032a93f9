"""The view in a chat, in a real host and a real Chromium, in both eras of the protocol."""

from __future__ import annotations

import re
from collections.abc import Generator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Frame, Page, expect

from tests.browser.accessibility import problems_at_widths
from tests.browser.chat_rig import (
    ERAS,
    connect,
    inspector,
    open_view,
    resize_view,
    switch_theme,
    why_no_host,
)
from tests.browser.hostile_names import HOSTILE
from tests.browser.page_rig import OpenedPage, watched
from tests.browser.shown import THEMES

WHY_NOT = why_no_host()
pytestmark = pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT))


@pytest.fixture(scope="module")
def backend(opened: OpenedPage, ids: dict[str, str]) -> OpenedPage:
    """The page of the data folder that the server in the host uses, too, with the samples."""
    del ids  # they are stored
    return opened


@pytest.fixture(scope="module", params=ERAS)
def host(request: pytest.FixtureRequest, backend: OpenedPage, tmp_path_factory: pytest.TempPathFactory):
    with inspector(request.param, backend.data_dir, tmp_path_factory.getbasetemp()) as address:
        yield address


@pytest.fixture(scope="module")
def page(browser: Browser, host: str) -> Generator[Page]:
    """The host, connected; nothing may go wrong in its scripts or ours."""
    with watched(browser) as opened:
        opened.set_viewport_size({"width": 1280, "height": 1400})
        connect(opened, host)
        yield opened


def colours(view: Frame) -> str:
    return view.evaluate(
        "getComputedStyle(document.body).backgroundColor + getComputedStyle(document.body).color"
    )


def test_the_view_shows_cards_hits_and_uploads_as_they_are_now(
    page: Page, backend: OpenedPage, tmp_path: Path
) -> None:
    view = open_view(page, "List buckets")
    cards = view.locator(".card")
    expect(cards.filter(has_text="product-guides")).to_contain_text("5 / 5 indexed members")
    support = cards.filter(has=view.get_by_role("heading", name="support"))
    expect(support).to_contain_text("5 / 6 indexed members")
    expect(support.locator(".state")).to_have_text("1 failed")
    expect(cards.filter(has_text="agent: calypso-agent:helpdesk")).to_have_count(2)
    notes = cards.filter(has_text="Research notes")
    before = notes.locator("strong").inner_text()
    backend.upload("research-notes", {f"{tmp_path.name}.md": f"# Late\n\n{tmp_path.name}\n".encode()})
    # The view polls without being asked.
    expect(notes.locator("strong")).not_to_have_text(before)
    expect(notes.locator(".state")).to_have_text("searchable")
    # The host gives it the height it asks for, so that nothing has to be scrolled.
    height = view.evaluate("document.body.getBoundingClientRect().height")
    expect(page.locator("iframe")).to_have_js_property("clientHeight", round(height))

    view.get_by_label("Search words").fill("fix the lamp to a wall")
    view.get_by_label("Buckets").select_option("product-guides")
    view.get_by_label("Search words").press("Enter")
    hit = view.locator(".hit").first
    expect(hit.locator("mark").first).to_have_text(re.compile("fix|lamp|wall", re.IGNORECASE))
    expect(hit.locator(".facts")).to_contain_text("lines 1-")
    hit.get_by_role("button", name="Read on").click()
    expect(hit.locator(".around")).to_contain_text("two screws")
    with page.context.expect_page() as opened:
        hit.get_by_role("link").click()
    assert opened.value.url.startswith(f"{backend.origin}/#/s/")
    opened.value.close()

    light = colours(view)
    looks = {"cards and hits": _problems(page, view)}
    switch_theme(page)
    assert colours(view) != light
    switch_theme(page)

    view = open_view(
        page, "Upload a file", bucket="research-notes", text="# Tide\n", filename=f"{tmp_path.name}.md"
    )
    expect(view.locator("h1 + .state")).to_have_text("searchable")
    looks["upload"] = _problems(page, view)
    assert {name: problems for name, problems in looks.items() if problems} == {}


def test_a_batch_is_followed_and_what_went_wrong_is_said(
    page: Page, backend: OpenedPage, tmp_path: Path
) -> None:
    # Of its own: what fails here stays on its card.
    bucket = tmp_path.name.replace("_", "-")
    backend.http.post("/knowledge/buckets", json={"name": bucket, "slug": bucket}).raise_for_status()
    folder = tmp_path / "handbook"
    folder.mkdir()
    for number in range(15):
        (folder / f"rule-{number}.md").write_text(f"# Rule {number}\n\n{tmp_path.name}\n")
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7 cut off")
    (folder / "empty.txt").touch()
    view = open_view(page, "Upload files", directory=str(folder), bucket=bucket)
    expect(view.locator("h1 + .state")).to_have_text("1 failed")
    expect(view.locator(".readiness")).to_contain_text("15 of 16 files searchable, 1 failed")
    expect(view.locator(".progress-row", has_text="empty.txt")).to_contain_text("1 left out: empty file")
    expect(view.locator(".progress-row", has_text="broken.pdf")).to_contain_text("failed")
    looks = {"batch": _problems(page, view)}

    view = open_view(page, "Wait for sync", bucket="support")
    expect(view.locator(".progress-row", has_text="broken.pdf")).to_contain_text("failed")
    looks["waiting"] = _problems(page, view)
    view = open_view(page, "Search buckets", query="anything", bucket="no-such-bucket")
    expect(view.locator(".notice")).to_have_text("There is no bucket 'no-such-bucket' here.")
    looks["error"] = _problems(page, view)
    assert {name: problems for name, problems in looks.items() if problems} == {}


@pytest.mark.parametrize("host", ["modern"], indirect=True)
def test_hostile_names_and_texts_are_shown_as_they_are(page: Page, backend: OpenedPage) -> None:
    for number, trap in enumerate(HOSTILE):
        named = {"name": trap[:120], "slug": f"trap-{number}"}
        backend.http.post("/knowledge/buckets", json=named).raise_for_status()
    halves = (HOSTILE[:15], HOSTILE[15:])
    for position, half in enumerate(halves):
        files = {f"{number}.md": f"trap {trap}\n".encode() for number, trap in enumerate(half)}
        backend.upload(f"texts-{position}", files)
    view = open_view(page, "List buckets", query="t", limit="100")
    expect(view.locator(".card", has_text="trap-")).to_have_count(len(HOSTILE))
    for position in range(len(halves)):
        expect(view.locator(".card", has_text=f"texts-{position}").locator(".state")).to_have_text(
            "searchable"
        )
    _require_text_only(view)
    view.get_by_label("Search words").fill("<trap>")
    view.get_by_label("Search words").press("Enter")
    expect(view.locator(".hit")).to_have_count(8)
    _require_text_only(view)
    for position, half in enumerate(halves):
        view = open_view(
            page,
            "Search buckets",
            query="trap",
            bucket=f"texts-{position}",
            max_results="20",
        )
        expect(view.locator(".hit")).to_have_count(len(half))
        _require_text_only(view)


def _problems(page: Page, view: Frame) -> list[str]:
    """Return what is wrong with the view in both themes at each width; the host shows the light one."""
    found: list[str] = []
    for theme in THEMES:
        expect(view.locator("html")).to_have_attribute("data-theme", theme)
        found += problems_at_widths(view, theme, lambda width: resize_view(page, width))
        switch_theme(page)
    return found


def _require_text_only(view: Frame) -> None:
    assert view.title() == "Calypso Buckets"
    made = "img, svg, math, iframe, form, style, base, i, b, details, [autofocus], [onload], [onerror]"
    assert view.locator(f"main :is({made})").count() == 0
    assert view.locator("main a:not([href^='http://127.0.0.1:'])").count() == 0
    assert view.evaluate("document.documentElement.scrollWidth <= innerWidth")
    # The host's own policy would let a script of the document run.
    policy = view.locator("head > meta[http-equiv=Content-Security-Policy]")
    assert "default-src 'none'" in [
        part.strip() for part in (policy.last.get_attribute("content") or "").split(";")
    ]
