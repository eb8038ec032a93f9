"""Takes pictures of every view of the page, in both themes and at three widths, and of the view in a chat.

`python -m tests.browser.screenshots FOLDER` needs Chromium, and for the chat what `tests/node` installs.
`--readme` makes the pictures of the README and of the documentation anew.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.chat_rig import why_no_host
from tests.browser.chat_screenshots import take_pictures, take_readme_picture
from tests.browser.page_rig import chromium, opened_page, settled, sign_in
from tests.browser.samples import store_samples, views

THEMES = ("light", "dark")
WIDTHS = {1280: 800, 768: 1024, 360: 740}
README_PICTURE = Path(__file__).parents[2] / "docs" / "images" / "page.png"
CHAT_PICTURE = README_PICTURE.with_name("chat.png")


def main(folder: Path | None) -> None:
    """Take every picture into a folder, or only the README's."""
    with tempfile.TemporaryDirectory() as data, opened_page(Path(data)) as opened, chromium() as browser:
        ids = store_samples(opened)
        page = browser.new_page()
        sign_in(page, opened.link)
        if folder is None:
            page.set_viewport_size({"width": 1000, "height": 640})
            page.goto(f"{opened.origin}/#/b/support")
            settled(page)
            expect(page.locator(".state[data-tone=wait]")).to_have_count(0)
            page.screenshot(path=README_PICTURE)
            take_readme_picture(browser, opened, CHAT_PICTURE)
            return
        folder.mkdir(parents=True, exist_ok=True)
        for name, address in views(ids).items():
            page.goto(f"{opened.origin}/{address}")
            settled(page)
            _take(page, folder, name)
        page.context.clear_cookies()
        page.reload()
        page.get_by_role("heading", name="Sign in").wait_for()
        _take(page, folder, "sign-in")
        if why_no_host() is None:
            take_pictures(browser, opened, folder)


def _take(page: Page, folder: Path, name: str) -> None:
    for theme in THEMES:
        page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        for width, height in WIDTHS.items():
            page.set_viewport_size({"width": width, "height": height})
            page.screenshot(path=folder / f"{name}-{theme}-{width}.png")


if __name__ == "__main__":
    main(None if sys.argv[1] == "--readme" else Path(sys.argv[1]))
