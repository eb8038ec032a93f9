"""From flags and environment to `Settings`, or to one clear line about what is wrong.

This is the only module that reads the environment. A flag beats its variable, a variable beats the
default; see `given` for empty values. No `.env` file is read: an MCP host starts us in a folder the person
did not choose.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import SecretStr, ValidationError

from calypso_mcp.domain.addresses import may_be_api_key
from calypso_mcp.errors import ConfigError
from calypso_mcp.regular_files import expand_home, read_regular_file
from calypso_mcp.settings.given import Given, WrongSetting, given_settings, misspelt_limits
from calypso_mcp.settings.model import Settings
from calypso_mcp.settings.placeholders import is_example_key, placeholder_in
from calypso_mcp.settings.values import Knob

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

#: Longest API key file worth reading, in bytes: anything longer is the wrong file.
_KEY_FILE_BYTES = 4_096

#: Settings that a file can hold; the setting that names the file is called `<name>_file`.
_KEYS = ("api_key", "embeddings_key", "llm_key", "sealing_secret")
#: Fewer characters could be guessed: a secret seals what only this server may make.
_FEWEST_SECRET_CHARS = 32

#: Variables besides CALYPSO_* that a child process needs to find the data and network of its parent.
_SYSTEM_VARIABLES = frozenset(
    {
        "XDG_DATA_HOME",
        "TMPDIR",
        *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR"),
    }
)


@dataclass(frozen=True, slots=True)
class Reading:
    """What flags and environment say, by field name; without settings if anything is wrong.

    There is one problem for each setting or combination.
    """

    given: Mapping[str, Given]
    settings: Settings | None
    problems: tuple[ConfigError, ...]


@cache
def knobs() -> Mapping[str, Knob]:
    """Return how each setting is set, by its name in `Settings`."""
    return {
        name: next(item for item in field.metadata if isinstance(item, Knob)).of(name)
        for name, field in Settings.model_fields.items()
    }


def load_settings(flags: Mapping[str, object]) -> Settings:
    """Return the settings of this process; see `settings_from`."""
    return settings_from(flags, os.environ)


def settings_from(flags: Mapping[str, object], environ: Mapping[str, str]) -> Settings:
    """Return the settings that flags, by field name, and environment ask for; see `read_settings`.

    Raises:
        ConfigError: A value is wrong; the message names the flag and the variable.
    """
    reading = read_settings(flags, environ)
    if reading.settings is None:
        raise reading.problems[0]
    return reading.settings


def read_settings(flags: Mapping[str, object], environ: Mapping[str, str]) -> Reading:
    """Return the settings that flags and environment ask for, or everything that is wrong with them."""
    given = given_settings(knobs(), flags, environ)
    values: dict[str, object] = {"data_dir": _default_data_dir(environ)}
    problems = misspelt_limits(knobs(), environ)
    for name, setting in given.items():
        try:
            values[name] = setting.value()
        except WrongSetting as problem:
            problems.append(problem)
    settings: Settings | None = None
    try:
        for name in _KEYS:
            _settle_key(name, values, given)
        settings = Settings.model_validate(values)
        _check_together(settings)
    except ValidationError as error:
        problems += [_problem(detail, given) for detail in error.errors(include_url=False)]
    except ConfigError as problem:
        problems.append(problem)
    return Reading(given, None if problems else settings, tuple(problems))


def environment() -> Mapping[str, str]:
    """Return the variables of this process."""
    return os.environ


def child_environment(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the variables a `calypso-mcp` child process should inherit from `environ` (ours by default).

    An MCP client passes only a few variables on; settings, data and network would be lost without these.
    """
    source = os.environ if environ is None else environ
    return {
        name: value
        for name, value in source.items()
        if name.startswith("CALYPSO_") or name.upper() in _SYSTEM_VARIABLES
    }


def _default_data_dir(environ: Mapping[str, str]) -> Path:
    """Where each system keeps the data of programs (XDG base directories elsewhere than macOS, Windows)."""
    home = Path(environ.get("HOME") or Path.home())
    if sys.platform == "win32":
        base = Path(environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = home / "Library" / "Application Support"
    else:
        base = Path(environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    return base / "calypso-mcp"


def _settle_key(name: str, values: dict[str, object], given: Mapping[str, Given]) -> None:
    """Take a key from its file, if one is named. Two sources are a mistake, unless a flag names the file."""
    of_file, variable = f"{name}_file", knobs()[name].variable
    file = values.get(of_file)
    if file is None:
        key = values.get(name)
        if isinstance(key, str):
            values[name] = _checked_key(key, given[name])
        return
    if name in given and given[of_file].source != "flag":
        raise ConfigError(f"{variable} and {variable}_FILE are both set: keep one of them.")
    values[name] = _key_from_file(expand_home(Path(str(file))), given[of_file])


def _key_from_file(path: Path, given: Given) -> SecretStr:
    try:
        text = read_regular_file(path, _KEY_FILE_BYTES).decode()
    except OSError as error:
        # A bare name may be the key itself.
        named = path if path.is_absolute() else "the file that it names (write its path, not the key)"
        raise WrongSetting(given, f"cannot read {named}: {error.strerror or type(error).__name__}.") from None
    except UnicodeDecodeError:
        raise WrongSetting(given, f"{path} is not a text file.") from None
    return _checked_key(text.strip(), given, f"{path} ")


def _checked_key(key: str, given: Given, file: str = "") -> SecretStr:
    """Refuse what could not travel in a header; the message never shows the key."""
    if not key:
        raise WrongSetting(given, f"{file}holds no key.")
    if placeholder_in(key) or is_example_key(key):
        raise WrongSetting(given, f"{file}holds a placeholder instead of a key. Write the key itself.")
    if not may_be_api_key(key):
        raise WrongSetting(
            given, f"{file}does not look like a key: it contains spaces, quotes or unusual characters."
        )
    return SecretStr(key)


def _problem(detail: ErrorDetails, given: Mapping[str, Given]) -> ConfigError:
    location = str(detail["loc"][0]) if detail["loc"] else ""
    setting = given.get(location)
    message = detail["msg"].removeprefix("Value error, ").partition(", unable")[0]
    message = message.replace("Input should", "must")
    if setting is None:
        return ConfigError(f"{location}: {message}.")
    return WrongSetting(setting, f"{message}.")


def _check_together(settings: Settings) -> None:
    """Refuse combinations that cannot work."""
    _check_keys(settings)
    _check_models(settings)
    _check_logins(settings)


def _check_keys(settings: Settings) -> None:
    secret = settings.sealing_secret
    if secret is not None and len(secret.get_secret_value()) < _FEWEST_SECRET_CHARS:
        raise ConfigError(
            f"CALYPSO_SEALING_SECRET has fewer than {_FEWEST_SECRET_CHARS} characters.",
            hint="Make one with: openssl rand -hex 32",
        )
    own_keys = settings.access_file is not None or settings.caller_key_header is not None
    if settings.backend == "hosted" and settings.api_key is None and not own_keys:
        raise ConfigError(
            "--backend hosted (CALYPSO_BACKEND) needs an API key: set CALYPSO_API_KEY, or name a file that "
            "holds it with --api-key-file (CALYPSO_API_KEY_FILE)."
        )


def _check_models(settings: Settings) -> None:
    if settings.embeddings_url is not None and settings.embeddings_model is None:
        raise ConfigError(
            "--embeddings-url (CALYPSO_EMBEDDINGS_URL) needs the model's name at that endpoint: "
            "--embeddings-model (CALYPSO_EMBEDDINGS_MODEL)."
        )
    if (settings.llm_url is None) != (settings.llm_model is None):
        raise ConfigError(
            "--llm-url (CALYPSO_LLM_URL) and --llm-model (CALYPSO_LLM_MODEL) go together: the endpoint, and "
            "the model's name there."
        )


def _check_logins(settings: Settings) -> None:
    ways_in = {
        "--access-file (CALYPSO_ACCESS_FILE)": settings.access_file,
        "--oauth-issuer (CALYPSO_OAUTH_ISSUER)": settings.oauth_issuer,
        "--caller-key-header (CALYPSO_CALLER_KEY_HEADER)": settings.caller_key_header,
    }
    chosen = [name for name, value in ways_in.items() if value is not None]
    if len(chosen) > 1:
        raise ConfigError(f"Set only one of {' and '.join(chosen)}: callers log in one way.")
    if settings.oauth_issuer is None:
        return
    if settings.oauth_jwks_url is None:
        raise ConfigError(
            "--oauth-issuer (CALYPSO_OAUTH_ISSUER) needs --oauth-jwks-url (CALYPSO_OAUTH_JWKS_URL)."
        )
    if settings.oauth_audience is None and settings.public_url is None:
        raise ConfigError(
            "--oauth-issuer (CALYPSO_OAUTH_ISSUER) needs --oauth-audience (CALYPSO_OAUTH_AUDIENCE) or "
            "--public-url (CALYPSO_PUBLIC_URL)."
        )
