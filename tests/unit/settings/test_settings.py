from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from calypso_mcp.errors import ConfigError
from calypso_mcp.settings import Settings, child_environment, knobs, read_settings, settings_from

KEY = "sk_test_4711"


def test_a_flag_beats_its_variable_and_a_variable_beats_the_default() -> None:
    assert settings_from({}, {}).log_level == "warning"
    assert settings_from({}, {"CALYPSO_LOG_LEVEL": "info"}).log_level == "info"
    assert settings_from({"log_level": "debug"}, {"CALYPSO_LOG_LEVEL": "info"}).log_level == "debug"


EMPTY = ("", " ", ",", " , ", "\t", "\n")


def _outcome(flags: dict[str, object], environ: dict[str, str]) -> object:
    """Return the settings without the parts a test machine decides, or the error's message."""
    try:
        return settings_from(flags, environ).model_dump(exclude={"data_dir"})
    except ConfigError as error:
        return error.message


@pytest.mark.parametrize("empty", EMPTY)
@pytest.mark.parametrize("name", knobs())
def test_an_empty_value_never_opens_what_a_value_would_have_limited(name: str, empty: str) -> None:
    knob = knobs()[name]
    with_variable = _outcome({}, {knob.variable: empty})
    if knob.limits:
        assert isinstance(with_variable, str)
        assert f"variable {knob.variable}" in with_variable
        assert "is empty" in with_variable
    else:
        assert with_variable == _outcome({}, {})
    if knob.flag and knob.metavar:
        repeated = knob.separator is not None and name != "tools"
        for value in ([empty], ["a", empty]) if repeated else (empty,):
            with_flag = _outcome({name: value}, {})
            assert isinstance(with_flag, str)
            assert f"flag {knob.flag}" in with_flag
            assert "is empty" in with_flag


def test_the_settings_whose_absence_opens_something_are_marked_as_limits() -> None:
    assert {name for name, knob in knobs().items() if knob.limits} == {
        *("buckets", "agent", "read_only", "profile", "tools"),
        *("access_file", "caller_key_header", "oauth_issuer", "oauth_audience"),
        *("oauth_write_scope", "oauth_required_scopes"),
    }


@pytest.mark.parametrize("limit", [knob.variable for knob in knobs().values() if knob.limits])
def test_a_limit_whose_name_is_nearly_right_is_named_not_ignored(limit: str) -> None:
    """`CALYPSO_BUCKET` beside `--bucket` is an easy slip, and left every bucket in reach."""
    for name in (
        limit.removesuffix("S"),
        f"{limit.removesuffix('S')}S",
        limit.lower(),
        limit.replace("_", "__"),
    ):
        if name != limit:
            outcome = _outcome({}, {name: "a"})
            assert isinstance(outcome, str)
            assert f"variable {name}: " in outcome
            assert limit in outcome
    assert _outcome({}, {"CALYPSO_BUCKET_ID": "a", "CALYPSO_TOKEN": "a"}) == _outcome({}, {})


def test_an_empty_variable_of_what_limits_nothing_counts_as_not_set() -> None:
    empty = {knob.variable: " " for knob in knobs().values() if not knob.limits}
    assert _outcome({}, empty) == _outcome({}, {})


PLACEHOLDERS = (
    "${CALYPSO_API_KEY}",
    "${env:KEY}",
    "${input:key}",
    "${workspaceFolder}",
    "${user_config.api_key}",
    "${KEY:-}",
    "${{ secrets.KEY }}",
    "{{key}}",
    "{env:KEY}",
    "{file:~/.key}",
    "$CALYPSO_API_KEY",
    "%CALYPSO_API_KEY%",
    "%ProgramFiles(x86)%",
    "<your key>",
    "<API_KEY>",
)


@pytest.mark.parametrize("placeholder", PLACEHOLDERS)
def test_a_placeholder_is_named_as_such_in_every_setting(placeholder: str) -> None:
    for name, knob in knobs().items():
        for text in (placeholder, f"/data/{placeholder}/docs"):
            cases: list[tuple[dict[str, object], dict[str, str]]] = [({}, {knob.variable: text})]
            if knob.flag and knob.metavar:
                cases.append(({name: text}, {}))
            for flags, environ in cases:
                with pytest.raises(ConfigError, match="placeholder that was not replaced") as caught:
                    settings_from(flags, environ)
                assert placeholder in caught.value.message
                assert ("flag " if flags else "variable ") in caught.value.message


@pytest.mark.parametrize(
    "text",
    [
        "sk-...",
        "sk_xxxxxxxx",
        "your-api-key",
        "YOUR_API_KEY",
        "paste-key-here",
        "changeme",
        "undefined",
        "****",
    ],
)
def test_an_example_of_a_key_is_not_taken_for_one(text: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="example"):
        settings_from({}, {"CALYPSO_API_KEY": text})
    file = tmp_path / "key"
    for content in (text, "${CALYPSO_API_KEY}"):
        file.write_text(content)
        with pytest.raises(ConfigError, match="placeholder"):
            settings_from({"api_key_file": str(file)}, {})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("agent", "my-team"),
        ("agent", "50% off"),
        ("agent", "a < b"),
        ("public_url", "https://mcp.example/%C3%A4/x"),
        ("oauth_write_scope", "api://$/write"),
    ],
)
def test_what_only_resembles_a_placeholder_is_a_value(name: str, text: str) -> None:
    assert getattr(settings_from({name: text}, {}), name) == text


def test_everything_that_is_wrong_is_found_at_once() -> None:
    reading = read_settings({"agent": ""}, {"CALYPSO_HTTP_PORT": "many", "CALYPSO_LOG_LEVEL": "loud"})
    assert reading.settings is None
    named = [problem.message.partition(":")[0] for problem in reading.problems]
    assert named == [
        "flag --agent (CALYPSO_AGENT)",
        "variable CALYPSO_HTTP_PORT (--port)",
        "variable CALYPSO_LOG_LEVEL (--log-level)",
    ]


def test_what_was_given_is_shown_without_secrets() -> None:
    reading = read_settings(
        {"api_base_url": "https://u:pass@x.example/v1"}, {"CALYPSO_API_KEY": KEY, "CALYPSO_BUCKETS": "a,b"}
    )
    shown = {name: (entry.source, entry.shown) for name, entry in reading.given.items()}
    assert shown == {
        "api_key": ("variable", "(set, not shown)"),
        "api_base_url": ("flag", "https://***@x.example/v1"),
        "buckets": ("variable", "a,b"),
    }


def test_lists_come_from_repeated_flags_and_from_separated_variables(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b, c").mkdir()
    both = [tmp_path / "a", tmp_path / "b, c"]
    by_variable = settings_from(
        {}, {"CALYPSO_BUCKETS": "one, two", "CALYPSO_ALLOWED_PATHS": os.pathsep.join(map(str, both))}
    )
    by_flag = settings_from({"buckets": ["one", "two"], "allow_paths": [str(path) for path in both]}, {})
    for settings in (by_variable, by_flag):
        assert settings.buckets == ("one", "two")
        assert settings.allow_paths == tuple(both)
    assert settings_from({"tools": "list_buckets,search_bucket"}, {}).tools == (
        "list_buckets",
        "search_bucket",
    )


WRONG: list[tuple[dict[str, object], dict[str, str], tuple[str, ...]]] = [
    (
        {"api_base_url": "http://calypso.example/v1"},
        {},
        ("--api-base-url", "CALYPSO_API_BASE_URL", "https://"),
    ),
    (
        {},
        {"CALYPSO_API_BASE_URL": "https://calypso.example"},
        ("--api-base-url", "CALYPSO_API_BASE_URL", "/v1"),
    ),
    ({"api_base_url": "https://u:p@calypso.example/v1"}, {}, ("--api-base-url", "password")),
    ({"api_base_url": "https://user@calypso.example/v1"}, {}, ("--api-base-url", "user name")),
    ({"api_base_url": "https://calypso.example/v1?x=1"}, {}, ("--api-base-url", "/v1")),
    ({"api_base_url": "calypso"}, {}, ("--api-base-url", "full URL")),
    ({"api_base_url": "https://calypso.exa\tmple/v1"}, {}, ("--api-base-url", "full URL")),
    ({"public_url": "https://mcp.example:https"}, {}, ("--public-url", "full URL")),
    ({}, {"CALYPSO_HTTP_PORT": "many"}, ("--port", "CALYPSO_HTTP_PORT", "integer")),
    ({"port": "70000"}, {}, ("--port", "CALYPSO_HTTP_PORT", "65535")),
    ({}, {"CALYPSO_BACKEND": "cloud"}, ("--backend", "CALYPSO_BACKEND", "'hosted'")),
    ({}, {"CALYPSO_READ_ONLY": "perhaps"}, ("--read-only", "CALYPSO_READ_ONLY", "boolean")),
    ({}, {"CALYPSO_PARALLEL_UPLOADS": "0"}, ("--parallel-uploads", "CALYPSO_PARALLEL_UPLOADS", "1")),
    ({"allow_paths": ["/no/such/folder"]}, {}, ("--allow-path", "CALYPSO_ALLOWED_PATHS", "not a folder")),
    ({"allow_paths": ["~no-such-user/x"]}, {}, ("--allow-path", "CALYPSO_ALLOWED_PATHS", "not a folder")),
    ({"api_key_file": "~no-such-user/key"}, {}, ("--api-key-file", "cannot read")),
    ({"backend": "hosted"}, {}, ("--backend", "CALYPSO_BACKEND", "CALYPSO_API_KEY", "--api-key-file")),
    ({"api_key_file": "/no/such/file"}, {}, ("--api-key-file", "CALYPSO_API_KEY_FILE", "cannot read")),
    ({}, {"CALYPSO_API_KEY": "sk one"}, ("CALYPSO_API_KEY", "does not look like")),
    ({}, {"CALYPSO_API_KEY": '"sk_one"'}, ("CALYPSO_API_KEY", "quotes")),
    ({}, {"CALYPSO_API_KEY": "a", "CALYPSO_API_KEY_FILE": "b"}, ("CALYPSO_API_KEY", "CALYPSO_API_KEY_FILE")),
    (
        {"access_file": "a.toml", "caller_key_header": "X-Key"},
        {},
        ("--access-file", "CALYPSO_ACCESS_FILE", "--caller-key-header", "CALYPSO_CALLER_KEY_HEADER"),
    ),
    (
        {"oauth_issuer": "https://id.example"},
        {},
        ("--oauth-issuer", "CALYPSO_OAUTH_ISSUER", "--oauth-jwks-url", "CALYPSO_OAUTH_JWKS_URL"),
    ),
    (
        {"oauth_issuer": "https://id.example", "oauth_jwks_url": "https://id.example/keys"},
        {},
        ("--oauth-audience", "CALYPSO_PUBLIC_URL"),
    ),
    ({"public_url": "https://mcp.example/?buckets=a"}, {}, ("--public-url", "CALYPSO_PUBLIC_URL", "query")),
    ({"embeddings_url": "https://llm.example/v1"}, {}, ("--embeddings-url", "CALYPSO_EMBEDDINGS_MODEL")),
    (
        {"embeddings_url": "http://llm.example/v1", "embeddings_model": "m"},
        {},
        ("--embeddings-url", "CALYPSO_EMBEDDINGS_URL", "https://"),
    ),
    ({"embeddings_url": "https://u:p@llm.example/v1"}, {}, ("--embeddings-url", "password")),
    ({"embeddings_url": "https://llm.example/v1?key=1"}, {}, ("--embeddings-url", "query")),
    ({"embeddings_url": "https://llm.example/v1#key"}, {}, ("--embeddings-url", "query")),
    ({}, {"CALYPSO_EMBEDDINGS_KEY": "two words"}, ("CALYPSO_EMBEDDINGS_KEY", "does not look like")),
    (
        {},
        {"CALYPSO_EMBEDDINGS_KEY": "a", "CALYPSO_EMBEDDINGS_KEY_FILE": "b"},
        ("CALYPSO_EMBEDDINGS_KEY", "CALYPSO_EMBEDDINGS_KEY_FILE"),
    ),
    ({"oauth_issuer": "http://id.example"}, {}, ("--oauth-issuer", "CALYPSO_OAUTH_ISSUER", "https://")),
]


@pytest.mark.parametrize("name", ["api_key_file", "embeddings_key_file", "llm_key_file"])
def test_a_key_in_the_place_of_its_file_is_not_shown(name: str) -> None:
    key = "sk_live_0123456789abcdef"
    with pytest.raises(ConfigError, match="write its path, not the key") as caught:
        settings_from({name: key}, {})
    assert key not in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize(("flags", "environ", "words"), WRONG)
def test_a_wrong_setting_is_one_line_that_names_flag_and_variable(
    flags: dict[str, object], environ: dict[str, str], words: tuple[str, ...]
) -> None:
    with pytest.raises(ConfigError) as caught:
        settings_from(flags, environ)
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message


def test_addresses_lose_their_endings_but_an_issuer_is_kept_as_it_is_written() -> None:
    assert (
        settings_from({"public_url": "https://mcp.example/team/mcp/"}, {}).public_url
        == "https://mcp.example/team"
    )
    typed = {"embeddings_url": "http://localhost:11434/v1/embeddings/", "embeddings_model": "m"}
    assert settings_from(typed, {}).embeddings_url == "http://localhost:11434/v1"
    for typed in ("https://MCP.Example", "https://mcp.example:443/mcp"):
        assert settings_from({"public_url": typed}, {}).public_url == "https://mcp.example"
    assert (
        settings_from({"public_url": "https://mcp.example:8443"}, {}).public_url == "https://mcp.example:8443"
    )
    assert settings_from({"public_url": "http://localhost:80"}, {}).public_url == "http://localhost"
    assert settings_from({"public_url": "http://localhost:443"}, {}).public_url == "http://localhost:443"
    oauth = {"oauth_jwks_url": "https://id.example/keys", "oauth_audience": "calypso"}
    for issuer in ("https://id.example", "https://id.example/"):
        assert settings_from({"oauth_issuer": issuer, **oauth}, {}).oauth_issuer == issuer


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "calypso.localhost"])
def test_plain_http_is_allowed_to_this_machine(host: str) -> None:
    assert (
        settings_from({"api_base_url": f"http://{host}:8010/v1/"}, {}).api_base_url
        == f"http://{host}:8010/v1"
    )


@pytest.mark.parametrize("name", ["api_key", "embeddings_key", "llm_key", "sealing_secret"])
def test_a_key_comes_from_the_variable_or_from_a_file_and_a_file_flag_wins(tmp_path: Path, name: str) -> None:
    secret = KEY * 3
    file = tmp_path / "key"
    file.write_text(f"{secret}\n")
    variable = f"CALYPSO_{name.upper()}"
    by_file = settings_from({}, {f"{variable}_FILE": str(file)})
    by_flag = settings_from({f"{name}_file": str(file)}, {variable: "another"})
    by_variable = settings_from({}, {variable: f" {secret} "})
    for settings in (by_file, by_flag, by_variable):
        key = getattr(settings, name)
        assert key is not None
        assert key.get_secret_value() == secret
        assert settings.uses_hosted_api == (name == "api_key")


@pytest.mark.parametrize("content", [b"", b"\n", b"two words", b"\xff\xfe", b"k" * 5000])
def test_a_key_file_that_holds_no_key_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "key"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=r"--api-key-file \(CALYPSO_API_KEY_FILE\)"):
        settings_from({"api_key_file": str(file)}, {})


def test_a_sealing_secret_that_could_be_guessed_is_refused() -> None:
    with pytest.raises(ConfigError, match="fewer than 32 characters"):
        settings_from({}, {"CALYPSO_SEALING_SECRET": "k" * 31})


@pytest.mark.parametrize("variable", ["CALYPSO_API_KEY", "CALYPSO_EMBEDDINGS_KEY", "CALYPSO_SEALING_SECRET"])
def test_a_key_appears_in_no_text_made_from_settings(variable: str) -> None:
    settings = settings_from({}, {variable: KEY * 3})
    for text in (repr(settings), str(settings), settings.model_dump_json()):
        assert KEY not in text
    with pytest.raises(ConfigError) as caught:
        settings_from({}, {variable: f"{KEY} {KEY}"})
    assert KEY not in repr(caught.value)
    assert KEY not in str(caught.value)


def test_the_backend_is_hosted_only_where_a_key_is_set_or_hosted_was_asked_for() -> None:
    assert not settings_from({}, {}).uses_hosted_api
    assert settings_from({}, {"CALYPSO_API_KEY": KEY}).uses_hosted_api
    assert not settings_from({"backend": "embedded"}, {"CALYPSO_API_KEY": KEY}).uses_hosted_api


def test_the_data_folder_follows_the_system_and_can_be_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    assert settings_from({}, {"XDG_DATA_HOME": str(tmp_path)}).data_dir == tmp_path / "calypso-mcp"
    assert settings_from({}, {"HOME": "/home/ada"}).data_dir == Path("/home/ada/.local/share/calypso-mcp")
    monkeypatch.setattr("sys.platform", "darwin")
    assert settings_from({}, {"HOME": "/Users/ada"}).data_dir == Path(
        "/Users/ada/Library/Application Support/calypso-mcp"
    )
    assert settings_from({"data_dir": str(tmp_path / "x")}, {}).data_dir == tmp_path / "x"


def test_settings_cannot_be_changed() -> None:
    settings = settings_from({}, {})
    with pytest.raises(ValidationError):
        settings.read_only = True  # pyright: ignore[reportAttributeAccessIssue] - it is frozen


def test_every_setting_is_described_and_has_names_of_its_own() -> None:
    assert set(knobs()) == set(Settings.model_fields)
    variables = [knob.variable for knob in knobs().values()]
    flags = [knob.flag for knob in knobs().values() if knob.flag]
    assert len(set(variables)) == len(variables)
    assert len(set(flags)) == len(flags)
    assert all(variable.startswith("CALYPSO_") for variable in variables)
    assert all(field.description for field in Settings.model_fields.values())


def test_no_secret_has_a_flag() -> None:
    secrets = {name for name, knob in knobs().items() if knob.secret}
    assert secrets == {"api_key", "embeddings_key", "llm_key", "sealing_secret"}
    assert all(knobs()[name].flag is None for name in secrets)


def test_a_child_process_inherits_settings_data_and_network_access_and_nothing_else() -> None:
    environ = {
        "CALYPSO_AGENT": "support",
        "XDG_DATA_HOME": "/d",
        "https_proxy": "http://proxy:1",
        "AWS_SECRET_ACCESS_KEY": "x",
        "PATH": "/",
    }
    assert child_environment(environ) == {
        "CALYPSO_AGENT": "support",
        "XDG_DATA_HOME": "/d",
        "https_proxy": "http://proxy:1",
    }
