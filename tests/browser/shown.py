"""How views and dialogs are looked at: in which themes, at which widths, and how each dialog is opened."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal

from playwright.sync_api import FilePayload, Page

THEMES: Final[tuple[Literal["light", "dark"], ...]] = ("light", "dark")
#: Heights of the window by its width, in pixels.
WIDTHS: Final = {1280: 800, 768: 1024, 360: 740}


def _choose_files(page: Page) -> None:
    names = ("returns-and-refunds.md", "film.mp4", "empty.md")
    files = [FilePayload(name=name, mimeType="", buffer=b"" if name[0] == "e" else b"new") for name in names]
    with page.expect_file_chooser() as chosen:
        page.get_by_role("button", name="Files").click()
    chosen.value.set_files(files)


def _choose_first(page: Page, button: str) -> None:
    page.get_by_label("Select escalation-notes.txt").check()
    page.get_by_label("Select broken.pdf").check()
    page.get_by_role("button", name=button).click()


def _enlarge_page(page: Page) -> None:
    page.get_by_role("link", name="support-handbook.pdf").click()
    page.get_by_role("button", name="Enlarge page 1").click()


def _make_bucket(page: Page) -> None:
    page.get_by_role("link", name="Buckets", exact=True).last.click()
    page.get_by_role("button", name="New bucket").click()


#: How each dialog is opened from the bucket `support` of the samples.
DIALOGS: Final[dict[str, Callable[[Page], None]]] = {
    "web-page": lambda page: page.get_by_role("button", name="Web page").click(),
    "answer": lambda page: page.get_by_role("button", name="Q&A").click(),
    "send": _choose_files,
    "tags": lambda page: _choose_first(page, "Edit tags"),
    "remove": lambda page: _choose_first(page, "Remove"),
    "page": _enlarge_page,
    "bucket": _make_bucket,
}
