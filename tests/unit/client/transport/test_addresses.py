from __future__ import annotations

import pytest

from calypso_mcp.client import CalypsoClient
from calypso_mcp.client.transport.connections import check_base_url
from calypso_mcp.client.transport.storage import check_upload_url
from calypso_mcp.errors import ConfigError, ContractError


@pytest.mark.parametrize(
    "url",
    [
        "https://api.calypso.so/v1",
        "https://proxy.test:8443/calypso/v1",
        "http://localhost:8080/v1",
        "http://calypso.localhost/v1",
        "http://[::1]:80/v1",
    ],
)
def test_a_safe_base_url_is_taken_as_it_is(url: str) -> None:
    assert check_base_url(url) == url
    assert check_base_url(url + "/") == url


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://api.calypso.so/v1", "https"),
        ("http://localhost.evil.test/v1", "https"),
        ("ftp://localhost/v1", "https"),
        ("https://api.calypso.so", "/v1"),
        ("https://api.calypso.so/v2", "/v1"),
        ("https://api.calypso.so/v1?key=1", "query"),
        ("https://api.calypso.so/v1#x", "fragment"),
        ("https://me:hunter2@api.calypso.so/v1", "credentials"),
        ("https://api.calypso.so:nine/v1", "not a URL"),
        ("https:///v1", "not a URL"),
        ("api.calypso.so/v1", "not a URL"),
        ("https://api.calypso.so/\n/v1", "not a URL"),
        ("https://256.1.1.1/v1", "not a URL"),
        ("https://[v1.x]/v1", "not a URL"),
        (f"https://\u00e4{'a' * 70}.test/v1", "not a URL"),
        (f"https://api.calypso.so/{'a' * 70_000}/v1", "not a URL"),
        ("", "not a URL"),
    ],
)
def test_a_base_url_that_would_leak_the_key_is_refused(url: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as raised:
        CalypsoClient(base_url=url, api_key="sk_1")

    assert raised.value.hint
    assert "hunter2" not in str(raised.value) + raised.value.hint


@pytest.mark.parametrize(
    "url", ["https://storage.googleapis.com/a?upload_id=1", "http://127.0.0.1:9/upload/x"]
)
def test_a_safe_upload_address_passes(url: str) -> None:
    check_upload_url(url)


@pytest.mark.parametrize("url", ["http://storage.test/secret", "file:///etc/secret", "secret", "https://"])
def test_an_unsafe_upload_address_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(ContractError) as raised:
        check_upload_url(url)

    assert "secret" not in str(raised.value) + raised.value.hint
