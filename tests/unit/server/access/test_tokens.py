import tomllib

import pytest

from calypso_mcp.errors import ConfigError
from calypso_mcp.server.access.access_file import tokens


def test_a_token_names_its_agent_and_carries_256_random_bits() -> None:
    first, second = tokens.new_token("support"), tokens.new_token("support")
    assert first != second
    prefix, name, random = first.split("_", 2)
    assert (prefix, name) == ("cmt", "support")
    assert len(random) == 43


def test_a_hash_matches_its_token_only() -> None:
    token = tokens.new_token("support")
    stored = tokens.hash_token(token)
    assert tokens.is_hash(stored)
    assert tokens.matches(tokens.hash_token(token), stored)
    assert not tokens.matches(tokens.hash_token(token + "x"), stored)
    assert token not in stored


@pytest.mark.parametrize("name", ["", "a b", "a_b", "-a", "a-", "ä", "a/b", "x" * 41, 'a"b', "a\n"])
def test_a_name_that_could_confuse_a_reader_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="cannot name an agent"):
        tokens.new_token(name)


def test_the_printed_entry_is_toml_without_the_token() -> None:
    token = tokens.new_token("team.one")
    entry = tokens.access_file_entry("team.one", token)
    assert token not in entry
    assert tomllib.loads(entry)["agents"]["team.one"]["token_hash"] == tokens.hash_token(token)
