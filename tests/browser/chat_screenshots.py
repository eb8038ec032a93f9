"""Takes pictures of the view in a chat, as the MCP inspector draws it; part of `screenshots`."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from tests.browser.chat_rig import connect, inspector, open_view, resize_view, switch_theme
from tests.browser.page_rig import OpenedPage, watched
from tests.browser.shown import THEMES, WIDTHS

_KINDS: dict[str, dict[str, str]] = {
    "List buckets": {},
    "Search buckets": {"query": "return a lamp"},
    "Upload a file": {"bucket": "support", "filename": "hours.md", "text": "# Hours\n\nNine to five.\n"},
    "Wait for sync": {"bucket": "support"},
}


def take_readme_picture(browser: Browser, opened: OpenedPage, path: Path) -> None:
    """Take the picture of the documentation: cards, and hits of a search in the view."""
    with _host(browser, opened) as page:
        view = open_view(page, "List buckets")
        resize_view(page, 820)
        expect(view.locator(".card .state[data-tone=wait]")).to_have_count(0)
        view.get_by_label("Search words").fill("return a lamp")
        view.get_by_role("button", name="Search").click()
        expect(view.locator(".hit").first).to_be_visible()
        _take(page, path)


def take_pictures(browser: Browser, opened: OpenedPage, folder: Path) -> None:
    """Take a picture of each kind of result in both themes and at each width."""
    with _host(browser, opened) as page:
        for title, fields in _KINDS.items():
            view = open_view(page, title, **fields)
            drawn = ":is(.card, .hit, h1 + .state:not([data-tone=wait])):visible"
            expect(view.locator(drawn).first).to_be_visible()
            for theme in THEMES:
                for width in WIDTHS:
                    resize_view(page, width)
                    _take(page, folder / f"chat-{title.lower().replace(' ', '-')}-{theme}-{width}.png")
                switch_theme(page)


@contextmanager
def _host(browser: Browser, opened: OpenedPage) -> Generator[Page]:
    with inspector("modern", opened.data_dir, opened.data_dir) as address, watched(browser) as page:
        page.set_viewport_size({"width": 1700, "height": 1000})
        connect(page, address)
        page.get_by_role("button", name="Close monitoring sidebar").click()
        yield page


def _take(page: Page, path: Path) -> None:
    page.locator("iframe").screenshot(path=path)
