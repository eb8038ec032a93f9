"""What every test may rely on: no settings of this machine leak in, none of its folders is written to."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.support.alone", "tests.support.secret_watch"]

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Started in the background of a script, or under `nohup`: child processes would ignore the signals that
    # tests send them. A handler of ours becomes the default for a child, an ignored signal stays ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Examples of properties may take their time: a busy machine is no fault. A change is judged by the same
# examples each time, and `nox -s explore` looks for new ones.
_unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("repeatable", _unhurried, derandomize=True)
settings.register_profile("exploring", _unhurried, max_examples=2_000)
settings.load_profile("repeatable")


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Start workers for folders only: a file has run by the time that workers have collected it.

    There is one more than cores: most tests talk to processes of their own, and wait for them.
    """
    is_quick = all(Path(named.partition("::")[0]).is_file() for named in config.args)
    return 0 if is_quick or sys.platform == "win32" else (os.cpu_count() or 1) + 1


@pytest.fixture(autouse=True)
def clean_environment(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Hide the person's settings and send default data folders to a temporary one, which it returns.

    Child processes that inherit the environment inherit this too.
    """
    for name in list(os.environ):
        if name.startswith("CALYPSO_"):
            monkeypatch.delenv(name)
    home = tmp_path_factory.mktemp("data-home")
    for name in ("XDG_DATA_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(home))
    return home
