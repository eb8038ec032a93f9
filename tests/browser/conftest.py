"""What the tests in a browser share: the browser, a running page, and the samples on it."""

from __future__ import annotations

from collections.abc import Generator

import pytest
from playwright.sync_api import Browser

from tests.browser.page_rig import OpenedPage, chromium, opened_page
from tests.browser.samples import store_samples


@pytest.fixture(scope="module")
def browser() -> Generator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Generator[OpenedPage]:
    """The page of a data folder of its own."""
    with opened_page(tmp_path_factory.mktemp("page")) as running:
        yield running


@pytest.fixture(scope="module")
def ids(opened: OpenedPage) -> dict[str, str]:
    """The ids of the samples' sources by their names."""
    return store_samples(opened)
