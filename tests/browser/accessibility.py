"""What axe finds wrong with a page (Deque's rules for WCAG)."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files

from playwright.sync_api import Frame, Page

from tests.browser.shown import WIDTHS


def violations(page: Page | Frame, *rules: str) -> list[str]:
    """Return each rule that the page breaks, with the first element that does; `rules`: only these."""
    # Loaded and run by the debugger, which the page's policy does not bind.
    if not page.evaluate("'axe' in window"):
        page.evaluate((files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8"))
    options = {"resultTypes": ["violations"], **({"runOnly": list(rules)} if rules else {})}
    answer = page.evaluate("options => axe.run(options)", options)
    return [f"{violation['id']}: {violation['nodes'][0]['html']}" for violation in answer["violations"]]


def problems_at_widths(page: Page | Frame, theme: str, resize: Callable[[int], None]) -> list[str]:
    """Return what axe finds in the theme that is shown, and what is wider than the window, at each width."""
    # A theme changes colours and nothing else.
    rules = () if theme == "light" else ("color-contrast",)
    found: list[str] = []
    for width in WIDTHS:
        resize(width)
        found += [f"{theme} {width}: {problem}" for problem in violations(page, *rules)]
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            found.append(f"{theme} {width}: wider than the window")
    return found
