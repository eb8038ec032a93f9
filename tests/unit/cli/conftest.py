"""Commands set up logging for their process, which here is everybody's."""

from __future__ import annotations

import logging
from collections.abc import Generator

import pytest


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Generator[None]:  # pyright: ignore[reportUnusedFunction]
    """Put handlers and levels back after each test."""
    root = logging.getLogger()
    loggers = [root, *(one for one in root.manager.loggerDict.values() if isinstance(one, logging.Logger))]
    levels = {one.name: one.level for one in loggers}
    handlers = list(root.handlers)
    yield
    for name, one in list(root.manager.loggerDict.items()):
        if isinstance(one, logging.Logger):
            one.setLevel(levels.get(name, logging.NOTSET))
    root.setLevel(levels[root.name])
    root.handlers = handlers
