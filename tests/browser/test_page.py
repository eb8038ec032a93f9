"""The page of the buckets in a real Chromium, on the real command."""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Request, expect
from typing_extensions import override

from tests.browser.hostile_names import HOSTILE
from tests.browser.page_rig import (
    CHROMIUM,
    OpenedPage,
    drop,
    opened_page,
    settled,
    sign_in,
    watched,
)

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium")


@pytest.fixture(scope="module")
def signed_in(browser: Browser, opened: OpenedPage) -> Generator[Page]:
    with watched(browser) as shown:
        sign_in(shown, opened.link)
        yield shown


@pytest.fixture
def page(signed_in: Page, opened: OpenedPage) -> Page:
    """The signed-in page of most tests, loaded anew."""
    signed_in.set_viewport_size({"width": 1280, "height": 720})
    signed_in.goto(f"{opened.origin}/#/")
    signed_in.reload()
    settled(signed_in)
    return signed_in


@pytest.fixture
def own_page(browser: Browser, opened: OpenedPage) -> Generator[Page]:
    """A signed-in page of one test: its session, its network and its clock do not concern the others."""
    with watched(browser) as shown:
        sign_in(shown, opened.new_link())
        yield shown


def test_a_person_adds_finds_asks_and_removes(page: Page, tmp_path: Path) -> None:
    folder = tmp_path / "handbook"
    (folder / "leave").mkdir(parents=True)
    pages = "\n\n".join(f"## Rule {number}\n\nRule {number} is about desks." for number in range(300))
    texts = {
        "handbook/leave/notice.md": f"# Notice\n\n{pages}\n\n## Ending\n\nThe notice period is six weeks.\n",
        "handbook/travel.md": "# Travel\n\nTrains are booked in second class.\n",
        "pay.txt": "Salaries arrive on the last working day.\n",
        "empty.txt": "",
        "film.mp4": "not a film",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)

    page.get_by_role("button", name="New bucket").click()
    page.get_by_label("Name").fill("Handbook")
    page.get_by_role("button", name="Create").click()
    page.get_by_role("heading", name="Handbook").wait_for()
    expect(page.get_by_text("Handbook is there, searched by calypso-agent.")).to_be_visible()
    drop(page, *(tmp_path / name for name in ("handbook", "pay.txt", "empty.txt", "film.mp4")))
    dialog = page.get_by_role("dialog", name="Send 3 files")
    expect(dialog.get_by_role("listitem")).to_have_text(
        [re.compile("empty.txt It is empty"), re.compile("film.mp4 It is a sound or video recording. Send a")]
    )
    dialog.get_by_role("button", name="Send").click()
    expect(page.locator("tbody .state")).to_have_text(["searchable"] * 3)
    expect(page.get_by_text("3 / 3 indexed members")).to_be_visible()
    expect(page.get_by_role("heading", name="3 of 3 files sent")).to_be_visible()

    page.get_by_label("Search in Handbook").fill("how long is the notice period")
    page.keyboard.press("Enter")
    hit = page.locator(".hit").first
    expect(hit.locator("mark")).to_contain_text(["notice"], ignore_case=True)
    hit.get_by_role("link").click()
    # The passage is far down: it must be in sight, marked, and where the keyboard goes on.
    passage = page.locator("[aria-current=true]")
    expect(passage).to_contain_text("six weeks")
    expect(passage).to_be_in_viewport()
    expect(passage).to_be_focused()

    page.get_by_role("link", name="Ask", exact=True).click()
    page.get_by_label("Question").fill("How long is the notice period?")
    page.keyboard.press("Enter")
    expect(page.locator("blockquote").first).to_contain_text("six weeks")
    page.locator("a.cite").first.click()
    expect(page.locator("[aria-current=true]")).to_contain_text("six weeks")

    page.get_by_role("link", name="Handbook").click()
    page.get_by_label("Select pay.txt").check()
    page.get_by_role("button", name="Remove").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(page.get_by_role("link", name="pay.txt")).to_have_count(0)
    expect(page.get_by_text("2 sources", exact=True)).to_be_visible()
    expect(page.get_by_text("2 / 2 indexed members")).to_be_visible()


def test_a_known_name_is_asked_about_before_it_is_replaced(
    page: Page, opened: OpenedPage, tmp_path: Path
) -> None:
    opened.upload("versions", {"plan.md": b"# Plan\n\nWe meet on Monday.\n"})
    (tmp_path / "plan.md").write_text("# Plan\n\nWe meet on Friday.\n")
    page.goto(f"{opened.origin}/#/b/versions")
    settled(page)
    page.locator("input[type=file]").first.set_input_files(tmp_path / "plan.md")
    page.get_by_label("1 name already in this bucket").select_option("replace")
    page.get_by_role("button", name="Send").click()
    page.get_by_role("heading", name="1 of 1 file sent").wait_for()
    page.goto(f"{opened.origin}/#/search?q=when+do+we+meet&in=versions")
    expect(page.locator(".hit")).to_have_count(1)
    page.reload()
    expect(page.locator(".hit")).to_contain_text("Friday")


def test_labels_are_edited_and_answers_added_by_keyboard(page: Page, opened: OpenedPage) -> None:
    opened.upload("labels", {"a.md": b"# A\n", "b.md": b"# B\n"}, tags=["old"])
    page.goto(f"{opened.origin}/#/b/labels")
    settled(page)
    page.get_by_label("Select all that are shown").press("Space")
    page.get_by_role("button", name="Edit tags").press("Enter")
    page.get_by_label("Tags, separated by commas").fill("new, checked")
    page.keyboard.press("Enter")
    expect(page.locator("tbody .tag")).to_have_text(["new", "checked"] * 2)
    page.get_by_role("button", name="Q&A").press("Enter")
    page.get_by_label("Question", exact=True).fill("Who signs?")
    page.get_by_label("Answer", exact=True).fill("The head of the team.")
    page.get_by_role("button", name="Add", exact=True).press("Enter")
    # The focus is back where the dialog was opened.
    expect(page.get_by_role("button", name="Q&A")).to_be_focused()
    expect(page.get_by_role("link", name="Who signs?")).to_be_visible()
    page.get_by_role("button", name="Updated").press("Enter")
    expect(page.locator("th[aria-sort=ascending]")).to_have_text("Updated")
    page.get_by_label("Every kind").select_option("qa")
    expect(page.locator("tbody tr")).to_have_count(1)
    # A filter is part of the address.
    page.reload()
    expect(page.locator("tbody tr")).to_have_count(1)


def test_hostile_names_and_texts_are_shown_as_they_are(page: Page, opened: OpenedPage) -> None:
    text = "\n\n".join(f"trap {name}" for name in HOSTILE)
    made = opened.http.post("/knowledge/buckets", json={"name": "<b onclick=alert(1)>Trap & Co"}).json()
    files = {name: text.encode() for name in HOSTILE}
    ids = opened.upload(made["slug"], files, title="<i>trap</i>", tags=["<u>tag</u>", '"onclick=x'])
    opened.http.post(
        "/rag-agent/agents",
        json={"name": "<h1>Agent", "bucket_ids": [made["id"]], "instructions": "<script>alert(1)</script>"},
    ).raise_for_status()
    for address in (
        "#/",
        f"#/b/{made['slug']}",
        *(f"#/s/{file_id}?q=trap" for file_id in list(ids.values())[:3]),
        f"#/search?q=trap+script&in={made['slug']}",
        "#/ask?q=what+is+a+trap%3F",
        "#/agents",
        "#/s/<img src=x>",
        "#/b/%E0%A4%A",
        "#/<script>",
    ):
        page.goto(f"{opened.origin}/{address}")
        settled(page)
        assert "owned" not in page.title()
        assert (
            page.locator(
                "main :is(script, iframe, i, u, style, base, form[action], math, [onerror], [onload],"
                " [onclick], [href^='javascript:'])"
            ).count()
            == 0
        )
    page.goto(f"{opened.origin}/#/b/{made['slug']}")
    settled(page)
    # High enough for every row, however many lines its name takes.
    page.set_viewport_size({"width": 1280, "height": 9_000})
    boxes = page.locator("tbody input")
    expect(boxes).to_have_count(len(HOSTILE))
    shown = boxes.evaluate_all("boxes => boxes.map(box => box.getAttribute('aria-label').slice(7))")
    assert set(shown) == set(HOSTILE)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_key_is_in_no_page_and_a_link_works_once(browser: Browser, opened: OpenedPage) -> None:
    link = opened.new_link()
    with watched(browser) as first:
        seen: list[str] = []
        first.on("request", lambda request: seen.append(request.url))
        sign_in(first, link)
        settled(first)
        assert opened.key not in first.content() + first.url + "".join(seen)
        # The link's own secret is gone from the address and its history.
        assert "sign-in" not in first.url
        assert not any("sign-in" in url.partition("#")[0] for url in seen)
        assert first.evaluate("document.cookie") == ""
    with watched(browser) as second:
        second.goto(link)
        second.get_by_role("heading", name="Sign in").wait_for()
        expect(second.get_by_role("status")).to_contain_text("already used")


def test_another_program_of_this_machine_gets_no_session(own_page: Page) -> None:
    cookies: list[str | None] = []

    class Other(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            cookies.append(self.headers.get("Cookie"))
            self.send_response(200)
            self.send_header("Set-Cookie", "mine=1; Path=/")
            self.end_headers()

        @override
        def log_message(self, format: str, *args: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Other) as other, ThreadPoolExecutor() as pool:
        serving = pool.submit(other.serve_forever)
        for path in ("", "api/", "api/session"):
            own_page.goto(f"http://127.0.0.1:{other.server_port}/{path}")
        other.shutdown()
        serving.result()
    # Cookies do reach every port of a host: the other program's own came back.
    assert "mine=1" in str(cookies[-1])
    assert not any("calypso" in str(cookie) for cookie in cookies)


def test_the_original_is_downloaded_and_signing_out_ends_the_session(
    own_page: Page, opened: OpenedPage
) -> None:
    ids = opened.upload("originals", {"plan.md": b"# Plan\n"})
    own_page.goto(f"{opened.origin}/#/s/{ids['plan.md']}")
    with own_page.expect_download() as begun:
        own_page.get_by_role("link", name="Download original").click()
    assert begun.value.path().read_bytes() == b"# Plan\n"
    own_page.goto(f"{opened.origin}/#/connect")
    own_page.get_by_role("button", name="Sign out").click()
    own_page.get_by_role("heading", name="Sign in").wait_for()
    assert own_page.context.cookies() == []


def test_a_card_takes_a_drop_and_the_overview_asks_where_others_go(
    page: Page, opened: OpenedPage, tmp_path: Path
) -> None:
    for name in ("Harbour", "Lighthouse"):
        opened.http.post("/knowledge/buckets", json={"name": name}).raise_for_status()
    for name in ("tides.md", "lamps.md", "ropes.md"):
        (tmp_path / name).write_text(f"# {name}\n")
    page.goto(f"{opened.origin}/#/")
    settled(page)
    card = page.locator("[data-bucket]", has=page.get_by_role("link", name="Lighthouse", exact=True))
    card.scroll_into_view_if_needed()
    drop(page, tmp_path / "lamps.md", at=card)
    expect(card).to_contain_text("1 / 1 indexed members")
    expect(page.locator("main")).to_have_attribute("data-shown", "#/")

    drop(page, tmp_path / "tides.md")
    page.get_by_role("dialog").get_by_label("Bucket", exact=True).select_option("Harbour")
    page.get_by_role("button", name="Go on").click()
    harbour = page.locator("[data-bucket]", has=page.get_by_role("link", name="Harbour", exact=True))
    expect(harbour).to_contain_text("1 / 1 indexed members")

    drop(page, tmp_path / "ropes.md")
    page.get_by_label("Or a new bucket").fill("Rigging")
    page.get_by_role("button", name="Go on").click()
    expect(page.locator("[data-bucket]", has_text="Rigging")).to_contain_text("1 / 1 indexed members")


def test_many_are_removed_after_one_question(page: Page, opened: OpenedPage) -> None:
    opened.upload("spring-clean", {f"{number:02}.md": b"# Old\n" for number in range(12)})
    page.goto(f"{opened.origin}/#/b/spring-clean")
    settled(page)
    page.get_by_label("Select all that are shown").check()
    page.get_by_label("Select 11.md").uncheck()
    page.get_by_role("button", name="Remove").click()
    dialog = page.get_by_role("dialog", name="Remove 11 sources?")
    expect(dialog.get_by_role("listitem").last).to_have_text("and 3 more")
    # What does no harm has the focus: Enter removes nothing.
    page.keyboard.press("Enter")
    expect(page.locator("tbody tr")).to_have_count(12)
    page.get_by_role("button", name="Remove").click()
    dialog.get_by_role("button", name="Remove").click()
    expect(page.locator("tbody a")).to_have_text(["11.md"])
    expect(page.get_by_role("status")).to_have_text("11 sources were removed.")


def test_what_a_client_needs_is_copied_by_one_click(page: Page, opened: OpenedPage) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"{opened.origin}/#/connect")
    settled(page)
    client = page.locator("details.panel").first
    client.locator("summary").click()
    for shown, copy in zip(client.locator("pre").all(), client.get_by_role("button").all(), strict=True):
        copy.click()
        expect(page.get_by_role("status")).to_contain_text("Copied: ")
        assert page.evaluate("navigator.clipboard.readText()") == shown.text_content()


def test_what_one_tab_removes_leaves_the_other(page: Page, opened: OpenedPage) -> None:
    opened.upload("tabs", {"one.md": b"# One\n", "two.md": b"# Two\n"})
    page.goto(f"{opened.origin}/#/b/tabs")
    settled(page)
    other = page.context.new_page()
    other.goto(f"{opened.origin}/#/b/tabs")
    settled(other)
    other.get_by_label("Select one.md").check()
    other.get_by_role("button", name="Remove").click()
    other.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(page.get_by_role("link", name="one.md")).to_have_count(0)
    expect(page.get_by_role("link", name="two.md")).to_have_count(1)


def test_two_tabs_send_and_search_at_once(own_page: Page, opened: OpenedPage, tmp_path: Path) -> None:
    opened.upload("both-tabs", {"zero.md": b"# Zero\n"})
    tabs = [own_page, own_page.context.new_page()]
    for number, tab in enumerate(tabs):
        (tmp_path / f"tab-{number}.md").write_text(f"# Tab {number}\n\nThe {number}th anchor is rusty.\n")
        tab.goto(f"{opened.origin}/#/b/both-tabs")
        settled(tab)
    for number, tab in enumerate(tabs):
        drop(tab, tmp_path / f"tab-{number}.md")
    for tab in tabs:
        expect(tab.locator("tbody a")).to_have_text(["tab-0.md", "tab-1.md", "zero.md"])
        expect(tab.locator("tbody .state")).to_have_text(["searchable"] * 3)
    for tab in tabs:
        tab.goto(f"{opened.origin}/#/search?q=rusty+anchor&in=both-tabs")
        expect(tab.locator(".hit")).to_have_count(2)
    # After signing out in one tab, the other asks to sign in.
    tabs[0].goto(f"{opened.origin}/#/connect")
    tabs[0].get_by_role("button", name="Sign out").click()
    tabs[0].get_by_role("heading", name="Sign in").wait_for()
    tabs[1].goto(f"{opened.origin}/#/b/both-tabs")
    tabs[1].get_by_role("heading", name="Sign in").wait_for()


def test_a_slow_network_shows_how_far_things_are_and_loses_nothing(
    own_page: Page, opened: OpenedPage, tmp_path: Path
) -> None:
    opened.upload("slow", {"old.md": b"# Old\n"})
    (tmp_path / "long.txt").write_text("The tide turns at noon.\n" * 20_000)
    network = own_page.context.new_cdp_session(own_page)
    network.send("Network.enable")
    network.send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": 300, "downloadThroughput": 50_000, "uploadThroughput": 150_000},
    )
    own_page.goto(f"{opened.origin}/#/b/slow")
    settled(own_page)
    drop(own_page, tmp_path / "long.txt")
    sent = own_page.locator("section[aria-label=Uploads] > progress")
    expect(sent).to_be_visible()
    own_page.wait_for_function("bar => bar.value > 0 && bar.value < bar.max", arg=sent.element_handle())
    # A view that was left while it was loading must not appear over the next.
    own_page.goto(f"{opened.origin}/#/search?q=tide&in=slow")
    own_page.goto(f"{opened.origin}/#/b/slow")
    settled(own_page)
    expect(own_page.get_by_role("heading", level=1)).to_have_text("slow")
    own_page.get_by_role("heading", name="1 of 1 file sent").wait_for()
    expect(own_page.locator("tbody .state")).to_have_text(["searchable"] * 2)


def test_an_answer_of_something_in_between_is_no_riddle(page: Page, opened: OpenedPage) -> None:
    page.route("**/api/*/knowledge/buckets", lambda route: route.fulfill(status=200, body="<p>Log in first"))
    page.goto(f"{opened.origin}/#/search")
    expect(page.get_by_text("The page cannot read the server's answer.")).to_be_visible()
    page.unroute_all()
    page.get_by_role("link", name="All buckets").click()
    page.get_by_role("heading", name="Buckets", exact=True).wait_for()


def test_uploads_go_on_after_the_backend_was_killed(browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "big.txt").write_text("The tide turns at noon.\n" * 200_000)
    data = tmp_path / "data"
    with watched(browser) as page:
        with opened_page(data) as first:
            port = first.origin.rpartition(":")[2]
            first.http.post("/knowledge/buckets", json={"name": "Tides"}).raise_for_status()
            sign_in(page, first.link)
            page.goto(f"{first.origin}/#/b/tides")
            settled(page)
            first.kill()
        drop(page, tmp_path / "big.txt")
        expect(page.get_by_role("status")).to_contain_text("does not answer")
        with opened_page(data, "--port", port) as second:
            # The session outlives the process.
            drop(page, tmp_path / "big.txt")
            page.get_by_role("heading", name=re.compile(r"0 of 1 file sent")).wait_for()
            second.kill()
            expect(page.locator(".progress-row .state")).to_have_text("trying again")
        with opened_page(data, "--port", port):
            page.get_by_role("heading", name="1 of 1 file sent").wait_for()
            expect(page.locator("tbody .state")).to_have_text("searchable")


def test_a_bucket_of_ten_thousand_sources_is_quick(own_page: Page, opened: OpenedPage) -> None:
    [seed] = opened.upload("many", {"seed.md": b"# Seed\n"}).values()
    own_page.goto(f"{opened.origin}/#/b/many")
    expect(own_page.locator("tbody .state")).to_have_text("searchable")
    _multiply(opened.data_dir / "calypso.db", seed, 10_000)
    asked: list[str] = []
    own_page.on("request", lambda request: asked.append(request.url))
    main_thread_s = _main_thread_clock(own_page)
    before = main_thread_s() + _process_s(opened.process.pid)
    own_page.reload()
    expect(own_page.get_by_text("10,000 sources", exact=True)).to_be_visible()
    # Nothing waits for anything but these two: on an idle machine it takes as long as they compute.
    assert main_thread_s() + _process_s(opened.process.pid) - before < 1
    assert sum("knowledge/sources?" in url for url in asked) <= 2
    own_page.mouse.move(600, 500)
    rows = own_page.locator("tbody tr:not(.gap)")
    # The processor's time of the browser's own thread, which other work on the machine does not lengthen.
    before, steps = main_thread_s(), 0
    # A busy browser takes a part of each turn of the wheel only.
    while own_page.evaluate("new Promise(requestAnimationFrame).then(() => scrollY)") <= 50_000:
        own_page.mouse.wheel(0, 4_000)
        steps += 1
        assert steps < 500
    assert (main_thread_s() - before) / steps < 0.05
    # Only what is near the window is drawn, and it is drawn.
    assert 20 <= rows.count() < 100
    expect(rows.nth(rows.count() // 2)).to_be_in_viewport()
    assert rows.last.get_attribute("aria-rowindex") != "101"
    own_page.evaluate("scrollTo(0, 0)")
    expect(own_page.get_by_role("link", name="copy-00001.md")).to_be_visible()
    before = main_thread_s()
    own_page.get_by_label("Filter by name").fill("copy-09999")
    expect(rows).to_have_count(1)
    assert main_thread_s() - before < 0.2


def test_an_idle_page_asks_less_than_once_a_second(own_page: Page, opened: OpenedPage) -> None:
    opened.upload("quiet", {"one.md": b"# One\n"})
    own_page.goto(f"{opened.origin}/#/b/quiet")
    expect(own_page.locator("tbody .state")).to_have_text("searchable")
    asked: list[str] = []
    in_flight: set[Request] = set()

    def begin(request: Request) -> None:
        asked.append(request.url)
        in_flight.add(request)

    def end(request: Request) -> None:
        in_flight.discard(request)

    own_page.on("request", begin)
    own_page.on("requestfinished", end)
    own_page.on("requestfailed", end)
    own_page.clock.install()
    seconds = 20
    for address in ("#/", "#/b/quiet"):
        own_page.goto(f"{opened.origin}/{address}")
        settled(own_page)
        asked.clear()
        for _ in range(seconds):
            own_page.clock.run_for(1_000)
            # Time stands still for the page until its answers have arrived.
            while in_flight:
                own_page.title()  # a round trip, on which the browser's events arrive
        assert 4 <= len(asked) < seconds, address


def _main_thread_clock(page: Page) -> Callable[[], float]:
    """Return what tells for how many seconds the page's own thread has computed."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def read_s() -> float:
        metrics = session.send("Performance.getMetrics")["metrics"]
        return next(metric["value"] for metric in metrics if metric["name"] == "TaskDuration")

    return read_s


def _process_s(number: int) -> float:
    """Return the seconds that a process has computed."""
    times = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[11:13]
    return sum(map(int, times)) / os.sysconf("SC_CLK_TCK")


def _multiply(store: Path, file_id: str, count: int) -> None:
    """Make `count` files of one, as far as a list shows them."""
    changed = {
        "files": {"id": "'f' || n", "session_id": "'s' || n"},
        "tasks": {"id": "'t' || n", "file_id": "'f' || n", "position": "NULL"},
        "file_buckets": {"file_id": "'f' || n", "name": "printf('copy-%05d.md', n)"},
    }
    with closing(sqlite3.connect(store)) as connection, connection:
        for table, changes in changed.items():
            columns = [str(row[1]) for row in connection.execute(f"PRAGMA table_info({table})")]
            values = ", ".join(changes.get(column) or column for column in columns)
            key = "id" if table == "files" else "file_id"
            connection.execute(
                f"WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?)"
                f" INSERT INTO {table} ({', '.join(columns)})"
                f" SELECT {values} FROM {table}, numbers WHERE {key} = ?",
                (count - 1, file_id),
            )
