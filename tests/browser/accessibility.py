"""What axe finds wrong with a page (Deque's rules for WCAG)."""

from __future__ import annotations

from importlib.resources import files

from playwright.sync_api import Frame, Page


def violations(page: Page | Frame) -> list[str]:
    """Return each rule that the page breaks, with the first element that does."""
    # Loaded and run by the debugger, which the page's policy does not bind.
    if not page.evaluate("'axe' in window"):
        page.evaluate((files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8"))
    answer = page.evaluate("axe.run({resultTypes: ['violations']})")
    return [f"{one['id']}: {one['nodes'][0]['html']}" for one in answer["violations"]]
