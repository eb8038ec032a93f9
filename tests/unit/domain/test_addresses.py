from __future__ import annotations

import pytest

from calypso_mcp.domain.addresses import is_loopback, keeps_secrets, split_url, without_queries


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST.", "calypso.localhost", "127.0.0.1", "127.9.9.9", "::1", "[::1]"]
)
def test_this_machine_is_known_by_its_names(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host",
    [
        "localhost.evil.test",
        "evil-localhost",
        "0.0.0.0",
        "::",
        "10.0.0.1",
        "128.0.0.1",
        "::2",
        "127.1",
        "",
        "fe80::1",
    ],
)
def test_other_machines_are_not_mistaken_for_this_one(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize(
    "url", ["https://a.test", "https://10.0.0.1:8443/x", "http://localhost:1", "http://[::1]/"]
)
def test_nobody_reads_along_on_https_and_on_this_machine(url: str) -> None:
    parts = split_url(url)
    assert parts is not None
    assert keeps_secrets(parts)


@pytest.mark.parametrize(
    "url", ["http://a.test", "http://localhost.evil.test", "http://10.0.0.1", "ftp://localhost", "//a.test"]
)
def test_plain_http_to_another_machine_keeps_no_secret(url: str) -> None:
    parts = split_url(url)
    assert parts is not None
    assert not keeps_secrets(parts)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a.test",
        "https://",
        "https:///x",
        "https://a.test:nine",
        "https://[::1",
        "https://a\n.test",
        "https://a b",
    ],
)
def test_what_names_no_host_is_no_url(text: str) -> None:
    assert split_url(text) is None


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("PUT https://s.test/o?a=1&upload_id=x failed", "PUT https://s.test/o?… failed"),
        ("o?X-Goog-Signature=ab%3D, then 'p?sig=q'", "o?…, then 'p?…'"),
        ("(o?name=Ann's%20(1).pdf&upload_id=x). A", "(o?…). A"),
        ("Really? Yes=1; why?", "Really? Yes=1; why?"),
        ("See https://s.test/help?", "See https://s.test/help?"),
    ],
)
def test_what_an_error_quotes_of_an_address_ends_before_its_query(text: str, shown: str) -> None:
    assert without_queries(text) == shown
