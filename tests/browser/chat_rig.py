"""The view in a chat as a host draws it: the MCP inspector's Apps tab, in a real Chromium.

The inspector runs the official host side of MCP Apps, with a second origin and a sandbox.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Frame, Page, expect

from tests.browser.page_rig import CHROMIUM
from tests.support.live_backend import BOUND_S
from tests.support.node import ENVIRON, MODULES, find_program, why_no_node

ERAS = ("legacy", "modern")


def why_no_host() -> str | None:
    """Return why no host can be run here, or None."""
    return "needs Chromium: apt-get install chromium" if CHROMIUM is None else why_no_node("mcp-inspector")


@contextmanager
def inspector(era: str, data_dir: Path, files: Path) -> Generator[str]:
    """Run an inspector of `calypso-mcp` on a data folder, which may upload `files`; yield its address."""
    program = find_program("mcp-inspector")
    assert program is not None
    with socket.socket() as first, socket.socket() as second:
        for chosen in (first, second):
            chosen.bind(("127.0.0.1", 0))
        ports = [str(chosen.getsockname()[1]) for chosen in (first, second)]
    environment = {
        **ENVIRON,
        "MCP_AUTO_OPEN_ENABLED": "false",
        "MCP_INSPECTOR_SECRET_STORE": "memory",
        "DANGEROUSLY_OMIT_AUTH": "true",
        "CLIENT_PORT": ports[0],
        "MCP_SANDBOX_PORT": ports[1],
    }
    server = [sys.executable, "-m", "calypso_mcp", "--data-dir", str(data_dir), "--allow-path", str(files)]
    with subprocess.Popen(
        [program, "--web", "--protocol-era", era, *server],
        env=environment,
        cwd=MODULES,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            assert process.stdout is not None
            yield next(line.strip() for line in process.stdout if line.strip().startswith("http://127.0.0.1"))
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def connect(page: Page, address: str) -> None:
    """Connect the inspector to the server and open the tab of its views."""
    page.goto(address)
    # The switch itself is behind what is drawn of it.
    page.get_by_role("switch").check(force=True)
    # Two programs start: the server, and the host's own side of it.
    page.get_by_text("Apps", exact=True).click(timeout=2 * BOUND_S * 1_000)


def open_view(page: Page, title: str, **fields: str) -> Frame:
    """Call a tool by its title, with `fields`, and return its view."""
    back = page.get_by_text("Back to Input")
    if back.is_visible():
        back.click()
    page.get_by_role("button", name=title).first.click()
    for name, value in fields.items():
        # Those that are needed have a star.
        page.get_by_label(re.compile(rf"^{name}( \*)?$")).first.fill(value)
    page.get_by_role("button", name="Open App").click()
    expect(page.locator("iframe")).to_be_visible(timeout=BOUND_S * 1_000)
    return view_of(page)


def resize_view(page: Page, width: int) -> None:
    """Give the view `width` pixels, as a host with a narrower or wider chat would."""
    page.locator("iframe").evaluate("(frame, width) => { frame.style.width = `${width}px`; }", width)


def switch_theme(page: Page) -> None:
    """Have the host show the other theme, and wait until the view follows."""
    html = view_of(page).locator("html")
    before = html.get_attribute("data-theme") or ""
    page.get_by_role("button", name="Toggle color scheme").click()
    expect(html).not_to_have_attribute("data-theme", before)


def view_of(page: Page) -> Frame:
    """Return the frame of the view: the one inside the host's sandbox."""
    sandbox = page.locator("iframe").element_handle().content_frame()
    assert sandbox is not None
    handle = sandbox.wait_for_selector("iframe")
    inner = handle.content_frame() if handle else None
    assert inner is not None
    inner.wait_for_selector("main h1")
    return inner
