"""Takes pictures of the view in a chat, as the MCP inspector draws it; part of `screenshots`."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser, Page, ViewportSize, expect

from tests.browser.chat_rig import connect, inspector, open_view
from tests.browser.page_rig import OpenedPage

_WIDE: ViewportSize = {"width": 1240, "height": 1000}


def take_readme_picture(browser: Browser, opened: OpenedPage, path: Path) -> None:
    """Take the picture of the documentation: cards, and hits of a search in the view."""
    with inspector("modern", opened.data_dir, opened.data_dir) as address:
        page = browser.new_page(viewport=_WIDE)
        connect(page, address)
        page.get_by_role("button", name="Close monitoring sidebar").click()
        view = open_view(page, "List buckets")
        expect(view.locator(".card .state[data-tone=wait]")).to_have_count(0)
        view.get_by_label("Search words").fill("return a lamp")
        view.get_by_role("button", name="Search").click()
        expect(view.locator(".hit").first).to_be_visible()
        _shot(page, path)


def take_pictures(browser: Browser, opened: OpenedPage, folder: Path) -> None:
    """Take a picture of each kind of result in both themes."""
    with inspector("modern", opened.data_dir, opened.data_dir) as address:
        page = browser.new_page(viewport=_WIDE)
        connect(page, address)
        for theme in ("light", "dark"):
            for title, fields in {
                "List buckets": {},
                "Search buckets": {"query": "return a lamp"},
                "Upload a file": {
                    "bucket": "support",
                    "filename": "hours.md",
                    "text": "# Hours\n\nNine to five.\n",
                },
                "Wait for sync": {"bucket": "support"},
            }.items():
                view = open_view(page, title, **fields)
                expect(
                    view.locator(":is(.card, .hit, h1 + .state:not([data-tone=wait])):visible").first
                ).to_be_visible()
                _shot(page, folder / f"chat-{title.lower().replace(' ', '-')}-{theme}.png")
            page.get_by_role("button", name="Toggle color scheme").click()


def _shot(page: Page, path: Path) -> None:
    page.locator("iframe").screenshot(path=path)
