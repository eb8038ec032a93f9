"""What the tools do, for a person: list, search, ask, read, remove."""

from __future__ import annotations

import json
import re
import threading
from contextlib import ExitStack
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.commands.processes import run


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a data folder with a bucket of two files, for tests that change nothing."""
    data = tmp_path_factory.mktemp("data")
    filled(data, tmp_path_factory.mktemp("handbook"))
    return data


def filled(data: Path, folder: Path) -> None:
    (folder / "leave.md").write_text("# Leave\n\nEvery employee has 27 days of annual leave.\n")
    (folder / "canteen.md").write_text("# Canteen\n\nThe canteen opens at eleven.\n")
    done = command(data, "upload", str(folder), "--bucket", "handbook", "--create-bucket", "--wait")
    assert done.returncode == 0, done.stderr


def command(data: Path, *words: str):
    return run(*words, "--data-dir", str(data))


def test_buckets_and_their_sources_are_listed(store: Path) -> None:
    buckets = command(store, "list")
    assert re.search(r"^handbook +handbook +2 +ready", buckets.stdout, re.MULTILINE)
    sources = command(store, "list", "handbook")
    assert re.search(r"^canteen\.md +40 B +ready.*\n.*^leave\.md", sources.stdout, re.MULTILINE | re.DOTALL)
    assert sources.stdout.endswith("\n2 sources\n")
    assert (
        json.loads(command(store, "list", "handbook", "--query", "LEAVE", "--json").stdout)[0]["name"]
        == "leave.md"
    )
    assert command(store, "list", "handbook", "--tag", "none").stdout == "No source fits.\n"


def test_a_search_shows_where_each_passage_stands(store: Path) -> None:
    found = command(store, "search", "annual leave")
    assert found.returncode == 0
    assert re.search(r"1\. leave\.md.*27 days", found.stdout, re.DOTALL)
    assert (
        json.loads(command(store, "search", "annual leave", "--json").stdout)["hits"][0]["filename"]
        == "leave.md"
    )
    wrong = command(store, "search", "annual leave", "--max-results", "99")
    assert (wrong.returncode, "max_results" in wrong.stderr) == (2, True)
    nothing = command(store, "search", "zeppelin")
    assert (nothing.returncode, "nothing found" in nothing.stdout) == (1, True)


def test_an_answer_cites_its_sources(store: Path) -> None:
    answered = command(store, "ask", "When does the canteen open?")
    assert answered.returncode == 0
    assert "opens at eleven" in answered.stdout
    assert "canteen.md" in answered.stdout
    assert command(store, "ask", "What does a zeppelin weigh?").returncode == 1


@pytest.mark.parametrize("name", ["ask", "search"])
def test_without_a_bucket_a_question_says_how_to_make_one(tmp_path: Path, name: str) -> None:
    told = command(tmp_path / "data", name, "Why?")
    assert told.returncode == 1
    advice = "Create one with `calypso-mcp upload PATH --bucket NAME --create-bucket`"
    assert f"There is no bucket to search. {advice}" in " ".join((told.stdout + told.stderr).split())


def test_the_scope_flags_narrow_what_is_found(store: Path) -> None:
    refused = command(store, "search", "annual leave", "--bucket", "nowhere")
    assert refused.returncode == 1
    assert "leave.md" not in refused.stdout


def test_a_source_is_read_and_removed_for_good(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    data = tmp_path / "data"
    filled(data, tmp_path / "files")
    [leave] = json.loads(command(data, "list", "handbook", "--query", "leave", "--json").stdout)
    text = command(data, "read", leave["file_id"])
    assert (text.returncode, "27 days" in text.stdout) == (0, True)
    unasked = command(data, "remove", leave["file_id"])
    assert (unasked.returncode, "--yes" in unasked.stderr) == (2, True)
    removed = command(data, "remove", leave["file_id"], "--yes")
    assert removed.stdout == "Removed leave.md from handbook.\n"
    assert command(data, "search", "annual leave").returncode == 1
    assert command(data, "read", leave["file_id"]).returncode == 1


def test_a_question_with_its_answer_is_found_and_replaced(tmp_path: Path) -> None:
    data = tmp_path / "data"
    filled(data, tmp_path)
    for answer in ("At noon.", "At half past eleven."):
        added = command(data, "add-qa", "When does the shuttle leave?", answer, "--bucket", "handbook")
        assert added.returncode == 0, added.stderr
    [source] = json.loads(command(data, "list", "handbook", "--kind", "qa", "--json").stdout)
    assert source["state"] in {"ready", "pending"}


def test_a_person_names_an_agent_to_ask_and_hears_of_those_there_are(store: Path) -> None:
    asked = ("ask", "How many days of annual leave?", "--agent")
    assert "27 days" in command(store, *asked, "Calypso-Agent").stdout
    flag_first = run(*asked, "calypso-agent", "--data-dir", str(store), environ={"CALYPSO_AGENT": "other"})
    assert "27 days" in flag_first.stdout
    nobody = command(store, *asked, "nobody")
    assert nobody.returncode == 1
    assert "no agent 'nobody' here. Name one from `calypso-mcp list`: calypso-agent" in nobody.stderr


def test_an_answer_makes_its_bucket_only_where_that_is_asked_for(tmp_path: Path) -> None:
    data = tmp_path / "data"
    adding = ("add-qa", "When does the shuttle leave?", "At noon.", "--bucket", "Shuttle times")
    refused = command(data, *adding)
    assert (refused.returncode, refused.stderr) == (
        1,
        "calypso-mcp: There is no bucket 'Shuttle times'. Add --create-bucket to create it.\n",
    )
    added = command(data, *adding, "--create-bucket")
    assert added.stdout.splitlines() == [
        "accepted: When does the shuttle leave?, ready in shuttle-times",
        "Search it with `calypso-mcp search`.",
    ]
    assert added.stderr == "new bucket: shuttle-times\n"
    assert "At noon." in command(data, "search", "shuttle").stdout


def test_a_person_is_told_commands_and_what_a_search_cannot_find(tmp_path: Path) -> None:
    data = tmp_path / "data"
    without = command(data, "search", "leave")
    assert "`calypso-mcp upload PATH --bucket NAME --create-bucket`" in without.stderr
    filled(data, tmp_path)
    unknown = command(data, "search", "leave", "--bucket", "handbook,none").stderr
    assert "There is no bucket 'none' here. Name one from `calypso-mcp list`" in unknown
    empty = command(data, "search", "").stderr
    assert "query is required. Run `calypso-mcp search` again with correct arguments." in empty
    assert (
        "No document searched contains: zeppelin, hangar."
        in command(data, "search", "zeppelin hangar").stdout
    )


def test_a_page_on_this_machine_is_not_fetched(tmp_path: Path) -> None:
    data = tmp_path / "data"
    filled(data, tmp_path)
    refused = command(data, "add-url", "http://127.0.0.1:9/secret", "--bucket", "handbook")
    assert refused.returncode == 1
    assert "private" in refused.stderr or "public" in refused.stderr
    missed = command(data, "add-url", "http://127.0.0.1:9/secret", "--bucket", "pages", "--create-bucket")
    assert (missed.returncode, missed.stderr.splitlines()[0]) == (1, "new bucket: pages")


def test_a_page_that_cannot_be_indexed_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "empty.html").write_text("<title>Nothing</title>")
    (tmp_path / "moon.html").write_text("<title>Moon</title><p>The moon is far.")
    serve = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), serve) as server, ExitStack() as stack:
        threading.Thread(target=server.serve_forever).start()
        stack.callback(server.shutdown)
        host = f"127.0.0.1:{server.server_port}"
        for name, code, word in (("empty", 1, "failed"), ("moon", 0, "ready")):
            words = ("add-url", f"http://{host}/{name}.html", "--bucket", "pages", "--create-bucket")
            added = command(tmp_path / "data", *words, "--allow-private-host", host)
            assert (added.returncode, word in added.stdout) == (code, True), added.stdout + added.stderr
