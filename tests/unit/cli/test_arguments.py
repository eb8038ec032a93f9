from __future__ import annotations

import pytest

from calypso_mcp import __version__
from calypso_mcp.cli import main
from calypso_mcp.cli.arguments import parse
from calypso_mcp.settings import knobs


def test_without_a_command_stdio_is_served() -> None:
    arguments, flags = parse([])
    assert (arguments.command or "stdio") == "stdio"
    assert flags == {}


def test_only_flags_that_were_given_count_as_settings() -> None:
    _, flags = parse(["--bucket", "a", "--bucket", "b", "--read-only", "--no-scan-secrets"])
    assert flags == {"buckets": ["a", "b"], "read_only": True, "scan_secrets": False}


def test_flags_may_stand_before_or_after_the_command() -> None:
    assert parse(["--log-level", "info", "http"])[1] == parse(["http", "--log-level", "info"])[1]


def test_every_flag_of_a_setting_is_offered_by_the_http_command() -> None:
    for name, knob in knobs().items():
        if knob.flag is not None:
            _, flags = parse(["http", knob.flag, *(["x"] if knob.metavar else [])])
            assert set(flags) == {name}


def test_the_bucket_of_an_upload_is_where_it_goes_not_what_limits_it() -> None:
    arguments, flags = parse(["upload", "x", "--bucket", "handbook"])
    assert arguments.destination == "handbook"
    assert "buckets" not in flags


@pytest.mark.parametrize(
    "line",
    [
        "--api-key sk_x",
        "upload x",
        "upload --bucket b",
        "nonsense",
        "demo --time-limit 0",
        "backend --log-queries",
    ],
)
def test_wrong_arguments_end_with_exit_code_2(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(line.split())
    assert ended.value.code == 2
    assert "usage: calypso-mcp" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "expected"),
    [("--version", __version__), ("--help", "calypso-mcp demo"), ("demo --help", "--query")],
)
def test_help_and_version_answer_on_stdout(
    line: str, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(line.split())
    assert ended.value.code == 0
    assert expected in capsys.readouterr().out


def test_a_wrong_setting_is_one_line_on_stderr_and_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--api-base-url", "http://calypso.example/v1"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    [line] = captured.err.splitlines()
    assert line.startswith("calypso-mcp: --api-base-url (CALYPSO_API_BASE_URL): must start with https://")


def test_an_unknown_tool_is_refused_before_serving(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--tools", "list_buckets,fly"]) == 2
    assert "fly" in capsys.readouterr().err
