"""The page of a team's server: a token shows what its agent may see, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Generator
from pathlib import Path

import anyio
import pytest
from playwright.sync_api import Browser, Page, expect

from calypso_mcp.server.access.access_file.tokens import hash_token, new_token
from tests.browser.accessibility import violations
from tests.browser.page_rig import CHROMIUM, chromium, drop, settled, sign_in_with, watched
from tests.browser.samples import hosted_team
from tests.support.team_server import Team, call, team_server

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium")

AGENTS = {
    "one": 'buckets = ["docs"]',
    "reader": 'buckets = ["docs"]\nread_only = true',
    "operator": "all_buckets = true",
}
SECRET = "The merger is announced in March."


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Generator[Team]:
    with team_server(tmp_path_factory.mktemp("team"), AGENTS) as running:
        anyio.run(_fill, running)
        yield running


@pytest.fixture(scope="module")
def browser(team: Team) -> Generator[Browser]:
    # After the team, which is filled by an event loop: while Playwright runs there can be no other.
    del team
    with chromium() as running:
        yield running


async def _fill(team: Team) -> None:
    async with team.client("operator") as client:
        for bucket, text in (("docs", "The notice period is six weeks."), ("board", SECRET)):
            await call(client, "create_bucket", name=bucket)
            arguments = {"filename": f"{bucket}.md", "text": f"# {bucket}\n\n{text}\n", "wait": True}
            await call(client, "upload_file", bucket=bucket, **arguments)


def sign_in(page: Page, team: Team, token: str) -> None:
    page.goto(f"{team.origin}/ui/")
    sign_in_with(page, token)


def test_an_agents_token_shows_its_buckets_and_nothing_else(
    browser: Browser, team: Team, tmp_path: Path
) -> None:
    (tmp_path / "travel").mkdir()
    (tmp_path / "travel" / "trains.md").write_text("# Trains\n\nSeats are booked by the assistant.\n")
    with watched(browser) as page:
        sign_in(page, team, team.tokens["one"])
        expect(page.locator(".card h2")).to_have_text(["docs"])
        assert team.tokens["one"] not in page.content() + page.url
        assert page.evaluate("document.cookie") == ""
        page.goto(f"{team.origin}/ui/#/b/board")
        page.get_by_role("heading", name="Not found").wait_for()

        page.goto(f"{team.origin}/ui/#/b/docs")
        settled(page)
        drop(page, tmp_path / "travel")
        expect(page.locator("tbody a")).to_have_text(["docs.md", "travel/trains.md"])
        expect(page.locator("tbody .state")).to_have_text(["searchable"] * 2)
        assert violations(page) == []

        page.goto(f"{team.origin}/ui/#/search?q=who+books+seats+merger")
        settled(page)
        hit = page.locator(".hit", has_text="assistant")
        expect(hit.locator("mark").first).to_have_text("Seats")
        expect(hit.locator(".facts")).to_contain_text(re.compile(r"line.*score \d"))
        hit.get_by_role("link").click()
        expect(page.locator("[aria-current=true]")).to_contain_text("assistant")
        page.goto(f"{team.origin}/ui/#/search?q=merger+announced+March")
        settled(page)
        assert "merger is" not in page.locator("main").inner_text()
        page.goto(f"{team.origin}/ui/#/ask?q=How+long+is+the+notice+period%3F")
        settled(page)
        for address in ("#/agents", "#/connect"):
            page.goto(f"{team.origin}/ui/{address}")
            settled(page)
            assert "board" not in page.locator("main").inner_text()
            assert violations(page) == []
        page.get_by_role("button", name="Sign out").click()
        page.get_by_role("heading", name="Sign in").wait_for()


def test_a_team_page_does_what_the_page_of_the_backend_does(
    browser: Browser, team: Team, tmp_path: Path
) -> None:
    (tmp_path / "plan.md").write_text("# Plan\n")
    (tmp_path / "film.mp4").write_text("not a film")
    with watched(browser) as page:
        sign_in(page, team, team.tokens["operator"])
        page.get_by_role("heading", name="Buckets", exact=True).wait_for()
        page.goto(f"{team.origin}/ui/#/b/docs")
        settled(page)
        drop(page, tmp_path / "plan.md", tmp_path / "film.mp4")
        dialog = page.get_by_role("dialog", name="Send 1 file")
        expect(dialog.get_by_role("listitem")).to_contain_text("It is a sound or video recording.")
        dialog.get_by_role("button", name="Send").click()
        expect(page.locator("tbody a", has_text="plan.md")).to_be_visible()
        page.get_by_role("button", name="Size").click()
        expect(page.locator("tbody a").first).to_have_text("plan.md")
        page.get_by_label("Select plan.md").check()
        page.get_by_role("button", name="Edit tags").click()
        page.get_by_label("Tags, separated by commas").fill("draft")
        page.keyboard.press("Enter")
        expect(page.locator("tbody .tag")).to_have_text(["draft"])
        page.get_by_role("link", name="plan.md").click()
        with page.expect_download() as begun:
            page.get_by_role("link", name="Download original").click()
        assert begun.value.path().read_bytes() == b"# Plan\n"
        page.go_back()
        settled(page)
        page.get_by_label("Select plan.md").check()
        page.get_by_role("button", name="Remove").click()
        page.get_by_role("dialog").get_by_role("button", name="Remove").click()
        expect(page.locator("tbody a", has_text="plan.md")).to_have_count(0)


def test_hosted_buckets_are_shown_as_far_as_their_api_tells(browser: Browser, tmp_path: Path) -> None:
    with hosted_team(tmp_path) as running, watched(browser) as page:
        sign_in(page, running, running.tokens["one"])
        expect(page.locator(".card h2")).to_have_text(["Handbook"])
        page.goto(f"{running.origin}/ui/#/b/handbook")
        settled(page)
        expect(page.locator("tbody tr")).to_have_count(1)
        expect(page.get_by_text("Not listed here: 2 web page")).to_be_visible()
        expect(page.get_by_text("does not offer the text of sources, originals")).to_be_visible()
        expect(page.locator("button.sort")).to_have_count(0)
        expect(page.get_by_role("button", name="Files")).to_be_visible()
        page.goto(f"{running.origin}/ui/#/search?q=notice+period&in=handbook")
        settled(page)
        expect(page.locator(".hit mark").first).to_have_text("notice")
        expect(page.locator(".hit a")).to_have_count(0)
        page.goto(f"{running.origin}/ui/#/connect")
        settled(page)
        expect(page.locator("dl")).to_contain_text("hosted")
        for address in ("#/agents", "#/ask", "#/b/vault", "#/s/file_h1"):
            page.goto(f"{running.origin}/ui/{address}")
            settled(page)
            assert violations(page) == []


def test_a_wrong_token_opens_nothing_and_says_so(browser: Browser, team: Team) -> None:
    with watched(browser) as page:
        sign_in(page, team, "cmt_one_wrong")
        expect(page.get_by_role("status")).to_contain_text("It is wrong")
        assert violations(page) == []
        page.goto(f"{team.origin}/ui/#/b/docs")
        page.get_by_role("heading", name="Sign in").wait_for()


def test_a_reader_is_offered_nothing_to_change(browser: Browser, team: Team) -> None:
    with watched(browser) as page:
        sign_in(page, team, team.tokens["reader"])
        expect(page.locator(".card h2")).to_have_text(["docs"])
        expect(page.get_by_role("button", name="New bucket")).to_have_count(0)
        page.goto(f"{team.origin}/ui/#/b/docs")
        settled(page)
        expect(page.get_by_role("button", name="Files")).to_have_count(0)
        page.get_by_label("Select docs.md").check()
        expect(page.get_by_role("button", name="Remove")).to_have_count(0)


def test_the_page_offers_what_the_server_does_until_the_token_ends(browser: Browser, tmp_path: Path) -> None:
    offered = "list_buckets,list_sources,list_agents,search_bucket"
    agents = {"one": "all_buckets = true"}
    with team_server(tmp_path, agents, CALYPSO_TOOLS=offered) as team, watched(browser) as page:
        sign_in(page, team, team.tokens["one"])
        page.get_by_role("heading", name="Buckets", exact=True).wait_for()
        expect(page.get_by_role("button", name="New bucket")).to_have_count(0)
        page.goto(f"{team.origin}/ui/#/s/file_1")
        expect(page.get_by_text("does not show the text of sources")).to_be_visible()
        page.goto(f"{team.origin}/ui/#/")
        settled(page)
        access_file = tmp_path / "access.toml"
        access_file.write_text(
            access_file.read_text()
            .replace('agents."one"', 'agents."two"')
            .replace(hash_token(team.tokens["one"]), hash_token(new_token("two")))
        )
        page.get_by_role("heading", name="Sign in").wait_for()
