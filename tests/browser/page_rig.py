"""The page as a person meets it: the real command on a real data folder, in a real Chromium."""

from __future__ import annotations

import secrets
import shutil
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from calypso_mcp.cli.embedded import BackendKey, sign_in_link
from calypso_mcp.client.transport.connections import keep_addresses_out
from calypso_mcp.local.processes.served import look_up
from tests.browser.shown import WIDTHS
from tests.support.live_backend import BOUND_S

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@dataclass
class OpenedPage:
    """A running `calypso-mcp open`."""

    process: subprocess.Popen[str]
    data_dir: Path
    link: str
    http: httpx2.Client

    @property
    def origin(self) -> str:
        return self.link.partition("/#")[0]

    def new_link(self) -> str:
        """Return another link that signs in once."""
        served = look_up(self.data_dir)
        assert served is not None
        return sign_in_link(served, BackendKey(self.key, ""))

    @property
    def key(self) -> str:
        return (self.data_dir / "api-key").read_text().strip()

    def upload(self, bucket: str, files: Mapping[str, bytes], **fields: Any) -> dict[str, str]:
        """Store files by their paths as another client of the API would; return their ids."""
        names = {f"f{number}": path for number, path in enumerate(files)}
        items = [
            {"client_file_id": name, "filename": path.rpartition("/")[2], "path": path, **fields}
            for name, path in names.items()
        ]
        manifest = {
            "version": 1,
            "batch_idempotency_key": secrets.token_hex(8),
            "bucket": bucket,
            "create_missing_buckets": True,
            "items": items,
        }
        declared = [
            {
                "client_file_id": name,
                "filename": path.rpartition("/")[2],
                "content_type": "application/octet-stream",
                "size_bytes": len(files[path]),
            }
            for name, path in names.items()
        ]
        batch = self._post("/knowledge/files:batch/upload-session", {"manifest": manifest, "files": declared})
        assert not batch["rejected"], batch
        for item in batch["accepted"]:
            data = files[names[item["client_file_id"]]]
            stored = httpx2.put(item["upload_url"], content=data, trust_env=False)
            assert stored.status_code == 200, stored.text
        ended = self._post(
            f"/knowledge/files:batch/upload-session/{batch['batch_id']}/finalize",
            {"mode": "finalize_uploaded"},
        )
        return {names[item["client_file_id"]]: item["knowledge_id"] for item in ended["finalized"]}

    def _post(self, path: str, body: Any) -> dict[str, Any]:
        return self.http.post(path, json=body).raise_for_status().json()

    def kill(self) -> None:
        """End the backend as a crash would."""
        self.process.kill()
        self.process.wait(BOUND_S)


@contextmanager
def opened_page(data_dir: Path, *flags: str) -> Generator[OpenedPage]:
    """Run `calypso-mcp open` on a data folder while the block lasts."""
    command = [sys.executable, "-m", "calypso_mcp", "open", "--no-browser", "--data-dir", str(data_dir)]
    port = [] if "--port" in flags else ["--port", "0"]
    with subprocess.Popen(
        [*command, *port, *flags], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            assert process.stdout is not None
            link = next(line.strip() for line in process.stdout if line.startswith("http"))
            key = (data_dir / "api-key").read_text().strip()
            keep_addresses_out()
            base = f"{link.partition('/#')[0]}/v1"
            headers = {"Authorization": f"Bearer {key}"}
            with httpx2.Client(base_url=base, headers=headers, timeout=BOUND_S, trust_env=False) as http:
                yield OpenedPage(process, data_dir, link, http)
        finally:
            process.kill()


@contextmanager
def chromium() -> Generator[Browser]:
    """Run a browser while the block lasts; what is expected of its pages may take a while."""
    expect.set_options(timeout=20_000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def watched(browser: Browser) -> Generator[Page]:
    """Yield a page of a new profile; afterwards, nothing may have gone wrong in its scripts or its policy."""
    context = browser.new_context()
    context.set_default_timeout(BOUND_S * 1_000)
    page = context.new_page()
    said: list[str] = []
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.on("dialog", lambda dialog: said.append(f"dialog: {dialog.message}"))
    yield page
    context.close()
    # Answers that refuse, and a server that is away, are written to the console by the browser itself.
    assert [text for text in said if not text.startswith("Failed to load resource")] == []


def sign_in(page: Page, link: str) -> None:
    """Open a link and wait for the buckets."""
    page.goto(link)
    page.get_by_role("heading", name="Buckets", exact=True).wait_for()


def sign_in_with(page: Page, token: str) -> None:
    """Sign in to the page of a team's server that is shown."""
    page.get_by_label("Access token").fill(token)
    page.keyboard.press("Enter")


def drop(page: Page, *paths: Path, at: Locator | None = None) -> None:
    """Drop files and folders of the disk, as a file manager does: on an element, or anywhere."""
    box = at.bounding_box() if at is not None else None
    x, y = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2) if box else (200.0, 90.0)
    data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    session = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": kind, "x": x, "y": y, "data": data})


def set_width(page: Page, width: int) -> None:
    """Give the window one of the widths that views are looked at in."""
    page.set_viewport_size({"width": width, "height": WIDTHS[width]})


def show_view(page: Page, origin: str, address: str) -> None:
    """Draw a view anew, even the one that is shown."""
    page.evaluate("delete document.querySelector('main')?.dataset.shown")
    if page.url == f"{origin}/{address}":
        page.evaluate("dispatchEvent(new Event('hashchange'))")
    else:
        page.goto(f"{origin}/{address}")
    settled(page)


def settled(page: Page) -> None:
    """Wait until the view that the address names is drawn."""
    expect(page.locator("main")).to_have_attribute("data-shown", page.evaluate("location.hash"))
