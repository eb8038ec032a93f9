"""Every view and dialog of the page for everybody: axe in each theme at each width, and the keyboard."""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.accessibility import problems_at_widths
from tests.browser.page_rig import (
    CHROMIUM,
    OpenedPage,
    drop,
    opened_page,
    set_width,
    settled,
    show_view,
    sign_in,
    watched,
)
from tests.browser.samples import EMPTY_VIEWS, awkward_views, store_awkward, views
from tests.browser.shown import DIALOGS, THEMES

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium")


@pytest.fixture(scope="module")
def signed_in(browser: Browser, opened: OpenedPage, ids: dict[str, str]) -> Generator[Page]:
    del ids  # they are stored before anything is looked at
    with watched(browser) as shown:
        sign_in(shown, opened.link)
        yield shown


@pytest.fixture
def page(signed_in: Page) -> Page:
    """The page of all tests here, as it is when nothing has been looked at."""
    signed_in.emulate_media(color_scheme="light", reduced_motion="reduce")
    signed_in.set_viewport_size({"width": 1280, "height": 800})
    return signed_in


def _problems(page: Page, themes: Sequence[Literal["light", "dark"]] = THEMES) -> list[str]:
    """Return what axe finds, and where there is more than the window is wide, in each theme at each width."""
    found: list[str] = []
    for theme in themes:
        page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        found += problems_at_widths(page, theme, lambda width: set_width(page, width))
    return found


def _problems_of_views(
    page: Page,
    origin: str,
    addresses: dict[str, str],
    themes: Sequence[Literal["light", "dark"]] = THEMES,
) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, address in addresses.items():
        show_view(page, origin, address)
        found[name] = _problems(page, themes)
    return {name: problems for name, problems in found.items() if problems}


def test_every_view_is_accessible(page: Page, opened: OpenedPage, ids: dict[str, str]) -> None:
    assert _problems_of_views(page, opened.origin, views(ids)) == {}


def test_every_dialog_is_accessible_and_gives_the_focus_back(page: Page, opened: OpenedPage) -> None:
    found: dict[str, list[str]] = {}
    for name, show in DIALOGS.items():
        set_width(page, 1280)
        show_view(page, opened.origin, "#/b/support")
        show(page)
        dialog = page.get_by_role("dialog")
        expect(dialog).to_be_visible()
        found[name] = _problems(page)
        page.keyboard.press("Escape")
        expect(dialog).to_have_count(0)
        assert page.evaluate("document.activeElement !== document.body"), name
    assert {name: problems for name, problems in found.items() if problems} == {}


def test_what_is_hard_to_show_is_shown_well(browser: Browser, tmp_path: Path) -> None:
    with opened_page(tmp_path / "data") as opened, watched(browser) as page:
        page.goto(opened.origin)
        page.get_by_role("heading", name="Sign in").wait_for()
        assert _problems(page) == []
        sign_in(page, opened.link)
        assert _problems_of_views(page, opened.origin, EMPTY_VIEWS, ["light"]) == {}
        # The first bucket gets the name of the folder that is dropped.
        folder = tmp_path / "Client files"
        folder.mkdir()
        (folder / "offer.md").write_text("# Offer\n")
        page.set_viewport_size({"width": 1280, "height": 800})
        page.goto(f"{opened.origin}/#/")
        settled(page)
        drop(page, folder)
        expect(page.get_by_label("New bucket", exact=True)).to_have_value("Client files")
        page.keyboard.press("Escape")
        ids = store_awkward(opened)
        assert _problems_of_views(page, opened.origin, awkward_views(ids), ["light"]) == {}

        # Rows that are not drawn take no width from the others.
        page.set_viewport_size({"width": 360, "height": 740})
        page.goto(f"{opened.origin}/#/b/awkward")
        settled(page)
        expect(page.locator("tbody .gap")).to_have_count(1)
        column = page.locator("th[data-column=name]").bounding_box()
        assert column is not None
        assert column["width"] > 120

        page.goto(f"{opened.origin}/#/")
        settled(page)
        page.get_by_label("Filter buckets").fill("team 5")
        expect(page.locator(".card")).to_have_count(9)
        expect(page.get_by_text("9 of 60 buckets")).to_be_visible()


def test_the_keyboard_reaches_every_control_and_shows_where_it_is(
    page: Page, opened: OpenedPage, ids: dict[str, str]
) -> None:
    # Looked up anew each time: a row is drawn again when its file gets a minute older.
    page.evaluate(
        """() => window.controls = () => [...document.querySelectorAll(
            "a[href], button, input, select, textarea, summary, [tabindex='0']")]
            .filter(node => node.checkVisibility() && !node.disabled)"""
    )
    for name, address in views(ids).items():
        show_view(page, opened.origin, address)
        # What is looked for meanwhile cannot be pressed.
        expect(page.locator("main :disabled")).to_have_count(0)
        wanted = list(range(page.evaluate("controls().length")))
        reached: list[int] = []
        page.evaluate("document.activeElement.blur(); getSelection().removeAllRanges()")
        page.evaluate("document.body.tabIndex = -1; document.body.focus()")
        for _ in wanted:
            page.keyboard.press("Tab")
            order, outline = page.evaluate(
                "() => [controls().indexOf(document.activeElement),"
                " getComputedStyle(document.activeElement).outlineStyle]"
            )
            assert outline != "none", (name, order)
            reached.append(order)
        assert reached == wanted, name


def test_a_page_of_a_pdf_is_shown_beside_its_text_and_enlarged(
    page: Page, opened: OpenedPage, ids: dict[str, str]
) -> None:
    show_view(page, opened.origin, f"#/s/{ids['support-handbook.pdf']}?part=2")
    sheet = page.locator(".sheet", has=page.locator("[aria-current=true]"))
    picture = sheet.get_by_role("button", name="Enlarge page 2")
    drawn = picture.locator("img")
    page.wait_for_function("image => image.naturalWidth > 600", arg=drawn.element_handle())
    expect(drawn).to_be_in_viewport()
    # Pages that are out of sight are drawn when they come into sight.
    assert drawn.evaluate("image => image.loading") == "lazy"
    picture.press("Enter")
    enlarged = page.get_by_role("dialog", name="Page 2").get_by_role("img", name="Page 2 as it looks")
    page.wait_for_function("image => image.naturalWidth > 600", arg=enlarged.element_handle())
    page.keyboard.press("Escape")
    expect(picture).to_be_focused()

    # Where nothing can be drawn, the text stands alone.
    page.route("**/picture", lambda route: route.abort())
    page.reload()
    expect(page.locator("[aria-current=true]").first).to_be_visible()
    expect(sheet.locator(".picture")).to_have_count(0)
    page.unroute_all()


def test_a_view_begins_at_its_top_and_is_found_again_where_it_was_left(
    page: Page, opened: OpenedPage, ids: dict[str, str]
) -> None:
    page.set_viewport_size({"width": 1280, "height": 400})
    page.goto(f"{opened.origin}/#/s/{ids['returns-and-refunds.md']}")
    settled(page)
    page.evaluate("scrollTo(0, 500)")
    page.get_by_role("link", name="Connect").click()
    settled(page)
    assert page.evaluate("scrollY") == 0
    page.go_back()
    settled(page)
    page.wait_for_function("scrollY === 500")


@pytest.mark.parametrize("address", ["#/search?q=lamp", "#/ask", "#/agents", "#/connect", "#/s/{source}"])
def test_a_drop_anywhere_asks_for_its_bucket_and_leads_there(
    page: Page, opened: OpenedPage, ids: dict[str, str], tmp_path: Path, address: str
) -> None:
    name = re.sub(r"\W+", "-", f"drop {address.partition('?')[0]}") + ".md"
    (tmp_path / name).write_text(f"# {name}\n")
    page.goto(f"{opened.origin}/{address.format(source=ids['cleaning.md'])}")
    settled(page)
    drop(page, tmp_path / name)
    page.get_by_role("dialog").get_by_label("Bucket", exact=True).select_option("Research notes")
    page.get_by_role("button", name="Go on").click()
    page.get_by_role("heading", name="Research notes").wait_for()
    expect(page.get_by_role("link", name=name)).to_be_visible()
    expect(page.locator("tr", has_text=name).locator(".state")).to_have_text("searchable")


def test_what_tools_leave_out_of_folders_is_left_out_here_too(
    page: Page, opened: OpenedPage, tmp_path: Path
) -> None:
    project = tmp_path / "build"
    for path in (
        ".git/config",
        "node_modules/a/b.js",
        "node_modules/c.md",
        "src/.env",
        "src/plan.md",
        "x.pem",
    ):
        file = project / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"# {path}\n")
    page.goto(f"{opened.origin}/#/b/research-notes")
    settled(page)
    drop(page, project)
    dialog = page.get_by_role("dialog", name="Send 1 file")
    expect(dialog.get_by_role("listitem")).to_have_text(
        [
            "build/.git/ It holds a version control system's own data.",
            "build/node_modules/ It usually holds installed packages.",
            "build/src/.env Names like this usually hold secrets.",
            "build/x.pem Names like this usually hold secrets.",
        ]
    )
    dialog.get_by_role("button", name="Send").click()
    expect(page.get_by_role("link", name="build/src/plan.md")).to_be_visible()
    page.reload()
    # A folder that is chosen comes with all its files.
    page.locator("input[webkitdirectory]").set_input_files(project)
    dialog = page.get_by_role("dialog", name="Send 1 file")
    expect(dialog.get_by_role("listitem")).to_have_count(4)
    page.keyboard.press("Escape")
