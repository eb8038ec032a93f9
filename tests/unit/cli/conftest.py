"""Commands set up logging for their process, which here is everybody's."""

from __future__ import annotations

import logging
from collections.abc import Generator

import pytest


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Generator[None]:
    """Put handlers and levels back after each test."""
    root = logging.getLogger()
    loggers = [
        root,
        *(entry for entry in root.manager.loggerDict.values() if isinstance(entry, logging.Logger)),
    ]
    levels = {logger.name: logger.level for logger in loggers}
    handlers = list(root.handlers)
    yield
    for name, entry in list(root.manager.loggerDict.items()):
        if isinstance(entry, logging.Logger):
            entry.setLevel(levels.get(name, logging.NOTSET))
    root.setLevel(levels[root.name])
    root.handlers = handlers
