import pytest

from calypso_mcp.domain.callers.access import ScopeLimit
from calypso_mcp.errors import InputError
from calypso_mcp.server.scope.narrowing import check_headers, read_limits


def limit(*slugs: str, agents: tuple[str, ...] = ()) -> ScopeLimit:
    return ScopeLimit(frozenset(slugs), frozenset(agents))


@pytest.mark.parametrize(
    ("query", "headers", "expected"),
    [
        ("", [("accept", "x")], []),
        ("buckets=a,%20b", [], [limit("a", "b")]),
        ("bucket=a", [], [limit("a")]),
        ("Buckets=a", [], [limit("a")]),
        ("buckets=", [], [limit()]),
        ("buckets", [], [limit()]),
        ("agent=calypso-agent:support", [], [limit(agents=("calypso-agent:support",))]),
        ("buckets=a,b&buckets=b,c", [], [limit("a", "b"), limit("b", "c")]),
        ("buckets[]=a&buckets[]=b", [], [limit("a", "b")]),
        ("buckets%5B%5D=a&buckets%5B%5D=b", [], [limit("a", "b")]),
        ("buckets[0]=a&buckets[1]=b,c", [], [limit("a", "b", "c")]),
        ("buckets[]=", [], [limit()]),
        ("agents[]=x", [], [limit(agents=("x",))]),
        ("buckets[]=a&buckets=a,b", [], [limit("a", "b"), limit("a")]),
        ("", [("calypso-buckets", "a,b"), ("calypso-buckets", "b")], [limit("a", "b"), limit("b")]),
        ("", [("Calypso-Agent", "x")], [limit(agents=("x",))]),
        ("buckets=a", [("calypso-agent", "x")], [limit("a"), limit(agents=("x",))]),
        ("buckets=a", [("calypso-buckets", "b")], [limit("a"), limit("b")]),
    ],
)
def test_address_and_headers_each_add_a_limit(
    query: str, headers: list[tuple[str, str]], expected: list[ScopeLimit]
):
    assert read_limits(query, headers) == expected


@pytest.mark.parametrize(
    "query",
    [
        "bukets=a",
        ";buckets=a",
        "x=1;buckets=a",
        "buckets=a;agent=b",
        "buckets=a;b",
        "buckets=a+b",
        "buckets=a%7Cb",
        'buckets=["a","b"]',
        "buckets=a&buckets=b",
        "buckets[]=a&buckets=b",
        "buckets[a]=b",
        "buckets.0=a",
        "buckets[0][]=a",
        "scope=a",
        "buckets=%E4",
        "=a",
        "api_key=x",
    ],
)
def test_a_query_that_cannot_be_read_is_an_error_that_says_what_to_write(query: str):
    with pytest.raises(InputError) as caught:
        read_limits(query, [])
    assert "/mcp?buckets=a,b" in (caught.value.hint or "")


def test_an_error_names_the_parameter_or_header_but_nothing_that_may_be_a_secret():
    with pytest.raises(InputError, match="unknown parameter 'limit'"):
        read_limits("limit=3", [])
    with pytest.raises(InputError, match="A header 'x-calypso-buckets' looks like"):
        check_headers(["x-calypso-buckets"], credential_header="authorization")
    for query in ("sk_live_9Xa81=", "<b>=1", f"{'a' * 100}=1"):
        with pytest.raises(InputError, match=r"unknown parameter\."):
            read_limits(query, [])


@pytest.mark.parametrize("value", ["a;b", "a b", '["a"]', "a|b"])
def test_a_header_that_cannot_be_read_is_an_error(value: str):
    with pytest.raises(InputError):
        read_limits("", [("calypso-buckets", value)])


def test_a_header_that_is_repeated_as_a_list_is_an_error():
    with pytest.raises(InputError):
        read_limits("", [("calypso-buckets", "a"), ("calypso-buckets", "b")])


@pytest.mark.parametrize(
    "name",
    [
        "x-calypso-buckets",
        "calypso_buckets",
        "X-Calypso-Agent",
        "calypso-bucket-ids",
        "calypso-bukets",
        "calyspo-buckets",
        "calypsobuckets",
        "calypso-scope",
        "mcp-calypso-agents",
        "buckets",
        "x-buckets",
        "x-agent",
        "bucket_id",
        "calypso-limit",
        "Calypso-Store",
        "x-calypso-only",
        "calypso-slug",
        "calypso-profile",
        "allowed-buckets",
        "x-scope-buckets",
        "calypso-buckets-" + "x" * 50_000,
    ],
)
def test_a_header_that_means_to_narrow_is_an_error(name: str):
    with pytest.raises(InputError, match="header"):
        check_headers([name], credential_header="Authorization")


@pytest.mark.parametrize(
    "name",
    [
        "calypso-buckets",
        "Calypso-Agent",
        "user-agent",
        "calypso-api-key",
        "x-calypso-token",
        "mcp-param-bucket",
        "authorization",
        "x-amz-bucket",
        "mcp-session-id",
        "x-forwarded-for",
        "traceparent",
        "b" * 50_000,
    ],
)
def test_any_other_header_passes(name: str):
    check_headers([name], credential_header="Authorization")


def test_the_credential_s_header_may_have_any_name():
    check_headers(["calypso-agent-key"], credential_header="Calypso-Agent-Key")
