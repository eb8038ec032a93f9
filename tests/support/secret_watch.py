"""A pytest plugin: the run fails when a key, a token or an upload address shows up where it must not.

It looks, during every test, at each log record of any logger and level, at captured output, at what child
processes wrote to stderr, at spans, and at every MCP result, error and notification. An address that
`upload_file` was asked for may stand in that very result, and nowhere else. Workers of a parallel run hand
their findings to the process that started them, which reports them.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import astuple, dataclass, field
from typing import Any

import pytest

from tests.support.secret_patterns import Found, Secrets
from tests.support.secret_taps import all_taps

#: Tests named for one kind of secret in one place; more would hide the other places.
_TESTS_SHOWN = 20
#: The entry of a worker's output that holds its findings.
_HANDED_OVER = "secret_findings"


@dataclass
class SecretWatch:
    """What was seen in this run, and during which test."""

    secrets: Secrets = field(default_factory=Secrets)
    test: str = "before the first test"
    #: Where, what and during which test, in the order seen.
    findings: dict[tuple[str, str, Found], None] = field(default_factory=dict[tuple[str, str, Found], None])

    def see(self, where: str, text: str, *, allowed: frozenset[str] = frozenset()) -> None:
        """Look at one text."""
        for found in self.secrets.find(text, allowed=allowed):
            self.findings[self.test, where, found] = None

    def report(self) -> list[str]:
        """Return one line for each kind of finding in each test; none shows the secret."""
        counts: dict[tuple[str, str, str], list[str]] = {}
        for test, where, found in self.findings:
            counts.setdefault((found.kind, where, test), []).append(found.excerpt)
        kinds: dict[tuple[str, str], int] = {}
        lines: list[str] = []
        for (kind, where, test), excerpts in counts.items():
            kinds[kind, where] = kinds.get((kind, where), 0) + 1
            if kinds[kind, where] <= _TESTS_SHOWN:
                lines.append(f"{test}: {kind} in {where}, {len(excerpts)} times, such as {excerpts[0]!r}")
        more = {kind: count - _TESTS_SHOWN for kind, count in kinds.items() if count > _TESTS_SHOWN}
        return lines + [f"{kind} in {where}: in {count} more tests" for (kind, where), count in more.items()]


_WATCH = pytest.StashKey[SecretWatch]()
_running: list[SecretWatch] = []


def watched(where: str, text: str) -> None:
    """Show a text that only a test rig holds, such as the log of a server it has run."""
    for watch in _running:
        watch.see(where, text)


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_WATCH] = SecretWatch()
    _running.append(config.stash[_WATCH])


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop(session: pytest.Session) -> Generator[None, object, object]:
    watch = session.config.stash[_WATCH]
    with all_taps(watch.see, watch.secrets.made):
        return (yield)


def pytest_unconfigure(config: pytest.Config) -> None:
    _running.remove(config.stash[_WATCH])


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    item.config.stash[_WATCH].test = item.nodeid
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    for title, text in report.sections:
        if title in {f"Captured stdout {report.when}", f"Captured stderr {report.when}"}:
            item.config.stash[_WATCH].see(title.lower(), text)
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    findings = session.config.stash[_WATCH].findings
    if findings:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    output: dict[str, Any] = getattr(session.config, "workeroutput", {})
    output[_HANDED_OVER] = [(test, where, *astuple(found)) for test, where, found in findings]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    # A worker that crashed has no output; its crash fails the run.
    for test, where, *found in getattr(node, "workeroutput", {}).get(_HANDED_OVER, ()):
        node.config.stash[_WATCH].findings[test, where, Found(*found)] = None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    watch = config.stash[_WATCH]
    if watch.findings:
        terminalreporter.section("secrets where none may be", red=True, bold=True)
        terminalreporter.write_line(f"{len(watch.findings)} in all; the run has failed.")
        for line in watch.report():
            terminalreporter.write_line(line)
