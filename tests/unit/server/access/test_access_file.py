from itertools import count
from pathlib import Path

import pytest

from calypso_mcp.domain.callers.access import ScopeLimit
from calypso_mcp.domain.callers.quota import Quota
from calypso_mcp.errors import ConfigError
from calypso_mcp.server.access.access_file import tokens
from calypso_mcp.server.access.access_file.access_file import load
from calypso_mcp.server.access.access_file.tokens import access_file_entry

TOKEN = tokens.new_token("support")
HASH = tokens.hash_token(TOKEN)
OTHER_HASH = tokens.hash_token("other")


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "access.toml"
    path.write_text(text)
    return path


def test_every_field_reaches_the_grant(tmp_path: Path) -> None:
    text = f"""
        [agents.support]
        token_hash = ["{HASH}", "{OTHER_HASH}"]
        buckets = ["handbook", "bucket_1"]
        read_only = true
        api_key_env = "SUPPORT_KEY"
        calls_per_minute = 60
        concurrent_calls = 4
        bytes_per_bucket = 5000
        sources_per_bucket = 7
        bytes_per_day = 3000
        metrics = true
    """
    access = load(written(tmp_path, text), {"SUPPORT_KEY": "sk-1"})
    for token in (TOKEN, "other"):
        grant = access.grant_of(token)
        assert grant is not None
        assert grant.name == "support"
        assert grant.limit == ScopeLimit(buckets=frozenset({"handbook", "bucket_1"}))
        assert grant.read_only
        assert (grant.calls_per_minute, grant.concurrent_calls, grant.metrics) == (60, 4, True)
        assert grant.quota == Quota(bytes_per_bucket=5000, sources_per_bucket=7, bytes_per_day=3000)
    assert access.keys[access.grants[HASH].key_reference].get_secret_value() == "sk-1"


def test_a_profile_and_all_buckets_are_the_other_two_ceilings(tmp_path: Path) -> None:
    text = f"""
        [agents.a]
        token_hash = "{HASH}"
        agent = "support"
        [agents.b]
        token_hash = "{OTHER_HASH}"
        all_buckets = true
    """
    grants = load(written(tmp_path, text), {}).grants
    assert grants[HASH].limit == ScopeLimit(agents=frozenset({"support"}))
    assert grants[OTHER_HASH].limit is None
    assert grants[HASH].key_reference == ""


def test_a_key_file_is_read_beside_the_access_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("sk-file\n")
    text = f'[agents.a]\ntoken_hash = "{HASH}"\nall_buckets = true\napi_key_file = "key"\n'
    access = load(written(tmp_path, text), {})
    assert access.keys["file:key"].get_secret_value() == "sk-file"
    assert access.key_files == (tmp_path / "key",)


def test_an_unknown_token_is_nobodys(tmp_path: Path) -> None:
    access = load(written(tmp_path, f'[agents.a]\ntoken_hash = "{HASH}"\nall_buckets = true\n'), {})
    assert access.grant_of(TOKEN + "x") is None
    assert access.grant_of("") is None
    assert access.grant_of(HASH) is None


AGENT = f'[agents.a]\ntoken_hash = "{HASH}"\n'
SECRET = "cmt_a_this-is-a-clear-token-in-the-wrong-line-0000"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", ["agents"]),
        ("[agents]\n", ["agents"]),
        ("[agents.a\n", ["not TOML", "line 1"]),
        (f"a = {'[' * 5_000}{']' * 5_000}", ["nested too deeply"]),
        (f"a = {'9' * 10_000}", ["not TOML (a number or a key is too long)"]),
        (f"{'a.' * 500_000}a = 1", ["not TOML (a number or a key is too long)"]),
        (f'{AGENT}buckets = "{SECRET}"', ["'a'", "buckets", "list"]),
        (f"{AGENT}buckets = []", ["'a'", "buckets"]),
        (f"{AGENT}buckets = ['']", ["'a'", "buckets"]),
        (access_file_entry("a", TOKEN), ["'a'", "buckets", "in place of …"]),
        (f"{AGENT}agent = '…'", ["'a'", "in place of …"]),
        (AGENT, ["'a'", "buckets", "exactly one"]),
        (f"{AGENT}buckets = ['x']\nall_buckets = true", ["'a'", "exactly one"]),
        (f"{AGENT}agent = 'x'\nbuckets = ['x']", ["'a'", "exactly one"]),
        (f"[agents.a]\nall_buckets = true\ntoken_hash = '{SECRET}'", ["'a'", "token_hash", "sha256:"]),
        ("[agents.a]\nall_buckets = true\ntoken_hash = []", ["'a'", "token_hash"]),
        ("[agents.a]\nall_buckets = true", ["'a'", "token_hash"]),
        (f"{AGENT}all_buckets = true\ntoken = '{SECRET}'", ["'a'", "token"]),
        (f"{AGENT}all_buckets = true\nreed_only = true", ["'a'", "reed_only", "no such field", "read_only"]),
        (f"{AGENT}all_buckets = true\n[agent.b]\ntoken_hash = '{HASH}'", ["agent: there", "only agents"]),
        (f"{AGENT}all_buckets = 'yes'", ["'a'", "all_buckets"]),
        (f"{AGENT}all_buckets = true\ncalls_per_minute = 0", ["'a'", "calls_per_minute"]),
        (f"{AGENT}all_buckets = true\nbytes_per_day = 0", ["'a'", "bytes_per_day"]),
        (f"{AGENT}all_buckets = true\nbytes_per_bucket = '1 GB'", ["'a'", "bytes_per_bucket"]),
        (f"{AGENT}all_buckets = true\nsources_per_bucket = true", ["'a'", "sources_per_bucket"]),
        (f"{AGENT}all_buckets = true\nconcurrent_calls = true", ["'a'", "concurrent_calls"]),
        (f"{AGENT}all_buckets = true\napi_key_env = 'NONE'", ["'a'", "api_key_env", "no API key"]),
        (f"{AGENT}all_buckets = true\napi_key_env = 'ODD'", ["'a'", "api_key_env", "look like"]),
        (f"{AGENT}all_buckets = true\napi_key_file = 'gone'", ["'a'", "api_key_file", "No such file"]),
        (f"{AGENT}all_buckets = true\napi_key_env = 'K'\napi_key_file = 'k'", ["'a'", "api_key_env", "both"]),
        (
            f"{AGENT}all_buckets = true\n[agents.'b c']\ntoken_hash='{OTHER_HASH}'\nagent='x'",
            ["'b c'", "name"],
        ),
        (
            f"{AGENT}all_buckets = true\n[agents.b]\ntoken_hash='{HASH}'\nagent='x'",
            ["'b'", "'a'", "same token"],
        ),
        (f"{AGENT}all_buckets = {SECRET}", ["not TOML"]),
    ],
    ids=count(),  # the hashes are new in every process
)
def test_a_wrong_file_is_refused_by_file_agent_and_field_and_shows_no_value(
    tmp_path: Path, text: str, named: list[str]
) -> None:
    with pytest.raises(ConfigError) as caught:
        load(written(tmp_path, text), {"ODD": f"two words {SECRET}", "K": "sk-1"})
    message = str(caught.value)
    assert message.startswith(str(tmp_path / "access.toml"))
    for name in named:
        assert name in message
    assert SECRET not in message
    assert HASH not in message
    assert "\n" not in message


def test_a_missing_a_binary_and_a_huge_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path / "gone.toml", {})
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="UTF-8"):
        load(binary, {})
    huge = tmp_path / "huge.toml"
    huge.write_bytes(b"#" * 1_048_577)
    with pytest.raises(ConfigError, match="more than 1,048,576 bytes"):
        load(huge, {})


def test_neither_keys_nor_hashes_show_in_a_repr(tmp_path: Path) -> None:
    text = f"{AGENT}all_buckets = true\napi_key_env = 'K'"
    assert "sk-secret" not in repr(load(written(tmp_path, text), {"K": "sk-secret"}))


def test_the_documented_access_file_is_right(tmp_path: Path) -> None:
    text = (Path(__file__).parents[4] / "SECURITY.md").read_text()
    documented = text.split("```toml\n")[1].split("```")[0].replace("sha256:…", HASH)
    grant = load(written(tmp_path, documented), {"SUPPORT_CALYPSO_KEY": "sk-1"}).grants[HASH]
    assert grant.read_only
    assert (grant.calls_per_minute, grant.concurrent_calls) == (120, 8)
