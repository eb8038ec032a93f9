"""Takes pictures of every view of the page, in both themes and at three widths, and of the view in a chat.

`python -m tests.browser.screenshots FOLDER` needs Chromium, and for the chat what `tests/node` installs.
`--readme` makes the pictures of the README and of the documentation anew.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from tests.browser.chat_rig import why_no_host
from tests.browser.chat_screenshots import take_pictures, take_readme_picture
from tests.browser.page_rig import (
    OpenedPage,
    chromium,
    opened_page,
    set_width,
    settled,
    show_view,
    sign_in,
    sign_in_with,
    watched,
)
from tests.browser.samples import (
    EMPTY_VIEWS,
    HOSTED_VIEWS,
    awkward_views,
    hosted_team,
    store_awkward,
    store_samples,
    views,
)
from tests.browser.shown import DIALOGS, THEMES, WIDTHS

README_PICTURE = Path(__file__).parents[2] / "docs" / "images" / "page.png"
CHAT_PICTURE = README_PICTURE.with_name("chat.png")


def main(folder: Path | None) -> None:
    """Take every picture into a folder, or only the README's."""
    with tempfile.TemporaryDirectory() as data:
        if folder is None:
            with opened_page(Path(data)) as opened, chromium() as browser:
                store_samples(opened)
                _take_readme_pictures(browser, opened)
            return
        folder.mkdir(parents=True, exist_ok=True)
        with chromium() as browser:
            _take_usual(browser, Path(data) / "usual", folder)
            for kind in ("empty", "awkward"):
                with opened_page(Path(data) / kind) as opened, watched(browser) as page:
                    addresses = EMPTY_VIEWS if kind == "empty" else awkward_views(store_awkward(opened))
                    sign_in(page, opened.link)
                    _take_views(page, opened.origin, addresses, folder, f"{kind}-")
            _take_hosted(browser, Path(data), folder)


def _take_readme_pictures(browser: Browser, opened: OpenedPage) -> None:
    with watched(browser) as page:
        page.set_viewport_size({"width": 1000, "height": 690})
        sign_in(page, opened.link)
        show_view(page, opened.origin, "#/b/support")
        expect(page.locator(".state[data-tone=wait]")).to_have_count(0)
        page.screenshot(path=README_PICTURE)
    take_readme_picture(browser, opened, CHAT_PICTURE)


def _take_usual(browser: Browser, data: Path, folder: Path) -> None:
    with opened_page(data) as opened:
        ids = store_samples(opened)
        with watched(browser) as page:
            sign_in(page, opened.link)
            _take_views(page, opened.origin, views(ids), folder)
            for name, show in DIALOGS.items():

                def show_dialog(show: Callable[[Page], None] = show) -> None:
                    page.keyboard.press("Escape")
                    show_view(page, opened.origin, "#/b/support")
                    show(page)
                    expect(page.get_by_role("dialog")).to_be_visible()

                _take(page, folder, f"dialog-{name}", show_dialog)
            page.context.clear_cookies()
            _take(page, folder, "sign-in", lambda: _show_sign_in(page))
        if why_no_host() is None:
            take_pictures(browser, opened, folder)


def _show_sign_in(page: Page) -> None:
    page.reload()
    page.get_by_role("heading", name="Sign in").wait_for()


def _take_hosted(browser: Browser, data: Path, folder: Path) -> None:
    with hosted_team(data) as team, watched(browser) as page:
        page.goto(f"{team.origin}/ui/")
        _take(page, folder, "hosted-sign-in", lambda: _show_sign_in(page))
        sign_in_with(page, team.tokens["one"])
        page.get_by_role("heading", name="Buckets", exact=True).wait_for()
        _take_views(page, f"{team.origin}/ui", HOSTED_VIEWS, folder, "hosted-")


def _take_views(
    page: Page, origin: str, addresses: Mapping[str, str], folder: Path, prefix: str = ""
) -> None:
    for name, address in addresses.items():

        def show(address: str = address) -> None:
            page.goto(f"{origin}/{address}")
            page.reload()
            settled(page)
            page.wait_for_load_state("networkidle")

        _take(page, folder, prefix + name, show)


def _take(page: Page, folder: Path, name: str, show: Callable[[], None]) -> None:
    """Take what `show` shows at each width, where it begins, in both themes."""
    for width in WIDTHS:
        set_width(page, width)
        show()
        for theme in THEMES:
            page.emulate_media(color_scheme=theme, reduced_motion="reduce")
            page.screenshot(path=folder / f"{name}-{theme}-{width}.png")


if __name__ == "__main__":
    main(None if sys.argv[1] == "--readme" else Path(sys.argv[1]))
