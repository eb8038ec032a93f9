from __future__ import annotations

import re
import shlex

import pytest

from calypso_mcp import __version__
from calypso_mcp.cli import main
from calypso_mcp.cli.arguments import CommandParser, UsageError, load_module, parse
from calypso_mcp.cli.command_list import COMMANDS, STDIO, Command
from calypso_mcp.settings import knobs

SECRET = "sk-live-4711abcdef"


def test_without_a_command_stdio_is_served() -> None:
    for line in ([], ["stdio"], ["--read-only"]):
        assert parse(line).command is STDIO
    assert parse([]).flags == {}


def test_only_flags_that_were_given_count_as_settings() -> None:
    flags = parse(["--bucket", "a", "--bucket", "b", "--read-only", "--no-scan-secrets"]).flags
    assert flags == {"buckets": ["a", "b"], "read_only": True, "scan_secrets": False}
    assert parse(["--no-read-only", "--scan-secrets"]).flags == {"read_only": False, "scan_secrets": True}


def test_flags_may_stand_before_or_after_the_command() -> None:
    assert parse(["--log-level", "info", "http"]) == parse(["http", "--log-level", "info"])
    assert parse(["--log-level=info", "--read-only", "http"]).command.name == "http"


def test_a_value_that_is_the_name_of_a_command_stays_a_value() -> None:
    parsed = parse(["--bucket", "demo"])
    assert parsed.command is STDIO
    assert parsed.flags == {"buckets": ["demo"]}


def test_every_flag_of_a_setting_is_offered_by_the_http_command() -> None:
    for name, knob in knobs().items():
        if knob.flag is not None:
            assert set(parse(["http", knob.flag, *(["x"] if knob.metavar else [])]).flags) == {name}


def test_the_bucket_of_an_upload_is_where_it_goes_not_what_limits_it() -> None:
    parsed = parse(["upload", "x", "--bucket", "handbook", "y"])
    assert parsed.arguments.destination == "handbook"
    assert [str(path) for path in parsed.arguments.paths] == ["x", "y"]
    assert "buckets" not in parsed.flags


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("upload x", "--bucket must be given"),
        ("upload --bucket b", "PATH must be given"),
        ("export", "BUCKET, FOLDER must be given"),
        ("upload x --bucket", "--bucket needs a value"),
        ("nonsense", "there is no command nonsense"),
        ("uplod x", "did you mean upload?"),
        ("http --alow-path x", "did you mean --allow-path?"),
        ("install cursr", "CLIENT must be one of these ('claude-desktop', "),
        ("demo --time-limit 0", "--time-limit must be more than 0"),
        ("demo --time-limit soon", "--time-limit must be more than 0"),
        ("backend --log-queries", "there is no flag --log-queries"),
        ("search days of notice", "put text with spaces in quotes"),
        ("token new a b", "more arguments than `calypso-mcp token` takes"),
    ],
)
def test_wrong_arguments_are_two_lines_and_exit_code_2(
    line: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(line.split()) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    complaint, usage = captured.err.splitlines()
    assert words in complaint
    assert complaint.startswith("calypso-mcp: ")
    assert usage.startswith("Usage: calypso-mcp ")
    command = line.split(maxsplit=1)[0]
    if command in {entry.name for entry in COMMANDS}:
        assert usage.startswith(f"Usage: calypso-mcp {command} ")


@pytest.mark.parametrize("command", ["", *(entry.name for entry in COMMANDS)])
@pytest.mark.parametrize(
    "rest",
    [
        f"--api-key {SECRET}",
        f"--api-key={SECRET}",
        f"--nothing={SECRET}",
        f"--{SECRET}",
        SECRET,
        f"{SECRET} {SECRET} {SECRET}",
        f"--time-limit {SECRET}",
        f"new a {SECRET}",
    ],
)
def test_an_error_repeats_nothing_that_may_be_a_secret(command: str, rest: str) -> None:
    failure = ""
    try:
        parsed = parse([*command.split(), *shlex.split(rest)])
    except UsageError as error:
        failure = error.message + error.hint
    else:
        # Taken as a path or a name, which is what it says.
        assert SECRET in str(parsed.arguments)
    assert SECRET not in failure
    if "--api-key" in rest:
        assert "CALYPSO_API_KEY" in failure


def _help(line: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(line.split()) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("--version", __version__),
        ("--help", "  demo "),
        ("stdio --help", "usage: calypso-mcp [COMMAND] [FLAGS]"),
        ("demo --help", "--query"),
    ],
)
def test_help_and_version_answer_on_stdout(
    line: str, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert expected in _help(line, capsys)


@pytest.mark.parametrize("width", [60, 80])
@pytest.mark.parametrize("command", COMMANDS, ids=lambda case: case.name)
def test_help_fits_the_terminal_and_begins_with_a_short_usage(
    command: object, width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    name = getattr(command, "name", "")
    lines = _help(f"{name} --help", capsys).splitlines()
    assert [line for line in lines if len(line) > width] == []
    assert lines[0].startswith("usage: calypso-mcp ")
    assert lines[1] == ""


def test_help_lists_every_command_and_no_hidden_opposite(capsys: pytest.CaptureFixture[str]) -> None:
    text = _help("--help", capsys)
    for command in COMMANDS:
        assert re.search(rf"^  {command.name} +{command.summary[:20]}", text, re.MULTILINE)
    assert "--no-scan-secrets" in text
    assert "--no-read-only" not in text
    assert "On by default; the flag turns it off." in " ".join(text.split())
    assert "--embeddings-url" in text


def test_a_command_that_only_calls_calypso_takes_the_flags_of_its_models_unlisted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert "--data-dir" in (text := _help("upload --help", capsys))
    assert "--llm-" not in text
    assert "--embeddings-" not in text
    assert "models" not in text
    assert parse(["ask", "What?", "--llm-model", "m"]).flags == {"llm_model": "m"}


@pytest.mark.parametrize("command", [command for command in COMMANDS if command is not STDIO])
def test_the_short_usage_names_the_arguments_as_the_rest_of_the_help_does(command: Command) -> None:
    parser = CommandParser(command)
    load_module(command).add_arguments(parser)
    named = re.findall(r"^  ([A-Z_]+) ", parser.format_help(), re.MULTILINE)
    # An ACTION is one word, which the usage shows.
    assert [name for name in named if name not in command.usage and name != "ACTION"] == []


def test_a_wrong_setting_is_one_line_on_stderr_and_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["http", "--api-base-url", "http://calypso.example/v1"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    [line] = captured.err.splitlines()
    assert line.startswith(
        "calypso-mcp: flag --api-base-url (CALYPSO_API_BASE_URL): must start with https://"
    )


def test_an_unknown_tool_is_refused_before_serving(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["http", "--port", "0", "--tools", "list_buckets,fly"]) == 2
    assert "fly" in capsys.readouterr().err
