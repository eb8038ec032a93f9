"""The checks of this project, each by one command: `nox -l` lists them, `nox` runs what a change needs.

`.ci/run` runs the same commands from a clean checkout. The quick parts, `lint`, `types` and `layers`, use the
environment that is active; the others make one of their own.
"""

from __future__ import annotations

from pathlib import Path

import nox

nox.options.default_venv_backend = "venv"
nox.options.sessions = ["lint", "types", "layers", "tests-3.11"]

PYTHONS = ["3.11", "3.12", "3.13", "3.14"]


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Runs the tests; arguments after `--` go to pytest."""
    session.install("-e", ".[dev]")
    session.run("pytest", *session.posargs)


@nox.session(python="3.11")
def coverage(session: nox.Session) -> None:
    """Measures branch coverage, child processes included, and fails below the floor in pyproject.toml."""
    suites = ("unit", "properties", "contract", "protocol", "commands", "faults")
    measured = session.posargs or [f"tests/{suite}" for suite in suites]
    session.install("-e", ".[dev]")
    session.run("coverage", "erase")
    session.run("coverage", "run", "-m", "pytest", *measured, success_codes=[0, 1])  # a tracer takes time
    session.run("coverage", "combine")
    session.run("coverage", "report", "--skip-covered", "--sort=cover")


@nox.session(python="3.11")
def explore(session: nox.Session) -> None:
    """Generates many new examples for the properties; all other runs repeat the same few."""
    session.install("-e", ".[dev]")
    session.run("pytest", "--hypothesis-profile=exploring", "-m", "hypothesis", "tests", *session.posargs)


@nox.session(venv_backend="none")
def lint(session: nox.Session) -> None:
    """Checks style and formatting."""
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session(venv_backend="none")
def types(session: nox.Session) -> None:
    """Checks types in strict mode."""
    session.run("pyright")


@nox.session(venv_backend="none")
def layers(session: nox.Session) -> None:
    """Checks that imports point down only."""
    session.run("lint-imports")


@nox.session(python="3.11")
def docs(session: nox.Session) -> None:
    """Builds the documentation site; a link or an anchor that leads nowhere fails."""
    session.install("-e", ".[docs]")
    session.run("zensical", "build", "--strict")


@nox.session(python="3.11")
def examples(session: nox.Session) -> None:
    """Runs the examples of agent frameworks, each in an environment of its own that its file describes."""
    session.install("-e", ".[dev]")
    for example in sorted(Path("examples/frameworks").glob("with_*.py")):
        environment = f".venv-{example.stem.removeprefix('with_')}"
        session.run("python", "-m", "venv", environment)
        packages = nox.project.load_toml(example)["dependencies"]
        session.run(f"{environment}/bin/pip", "install", "-q", *packages, external=True)
    session.run("pytest", "tests/architecture/test_examples.py", *session.posargs)


@nox.session(python="3.11", venv_backend="uv")
def lowest(session: nox.Session) -> None:
    """Runs the tests with the lowest versions that pyproject.toml allows."""
    session.run_install("uv", "pip", "install", "--resolution", "lowest-direct", "-e", ".[dev]")
    session.run("pytest", *session.posargs)


@nox.session(python="3.11")
def lock(session: nox.Session) -> None:
    """Renews the lock files: every dependency pinned, with hashes.

    `uv.lock` serves contributors and the desktop bundle, `requirements.lock` the image and CI.
    """
    session.install("uv")
    session.run("uv", "lock", "--quiet", *session.posargs)
    session.run(
        "uv", "pip", "compile", "--universal", "--generate-hashes", "--no-emit-index-url", "--quiet",
        "--python-version", "3.11", "--custom-compile-command", "nox -s lock",
        "pyproject.toml", "-o", "requirements.lock", *session.posargs,
    )  # fmt: skip
