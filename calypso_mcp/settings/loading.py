"""From flags and environment to `Settings`, or to one clear line about what is wrong.

This is the only module that reads the environment. A flag beats its variable, a variable beats the
default; an empty variable counts as not set, because desktop clients pass empty strings for what a person
left blank. No `.env` file is read: an MCP host starts us in a folder the person did not choose.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from pydantic import SecretStr, ValidationError

from calypso_mcp.errors import ConfigError
from calypso_mcp.settings.model import Settings
from calypso_mcp.settings.values import Knob

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

#: Longest API key file worth reading, in bytes: anything longer is the wrong file.
_KEY_FILE_BYTES = 4_096

#: Variables besides CALYPSO_* that a child process needs to find data and network where its parent does.
_SYSTEM_VARIABLES = frozenset(
    {
        "XDG_DATA_HOME",
        "TMPDIR",
        *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR"),
    }
)


def knobs() -> dict[str, Knob]:
    """Return how each setting is set, by its name in `Settings`."""
    return {
        name: next(item for item in field.metadata if isinstance(item, Knob))
        for name, field in Settings.model_fields.items()
    }


def load_settings(flags: Mapping[str, object]) -> Settings:
    """Return the settings of this process; see `settings_from`."""
    return settings_from(flags, os.environ)


def settings_from(flags: Mapping[str, object], environ: Mapping[str, str]) -> Settings:
    """Return the settings that flags and environment ask for.

    Args:
        flags: Values given on the command line, by field name; absent where not given.
        environ: The environment.

    Raises:
        ConfigError: A value is wrong; the message names the flag and the variable.
    """
    settings_knobs = knobs()
    values: dict[str, object] = {"data_dir": _default_data_dir(environ)}
    for name, knob in settings_knobs.items():
        if name in flags:
            values[name] = _from_flag(flags[name], knob)
        elif text := environ.get(knob.variable, "").strip():
            values[name] = _parts(text, knob.separator) if knob.separator else text
    _settle_key(values, flags)
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        raise ConfigError(_one_line(error.errors(include_url=False)[0], settings_knobs)) from None
    _check_together(settings)
    return settings


def environment() -> Mapping[str, str]:
    """Return the variables of this process, for names that only a file of the operator's gives."""
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


def _from_flag(value: object, knob: Knob) -> object:
    """Repeated flags arrive as lists; those whose variable is split at commas may hold commas too."""
    if knob.separator != ",":
        return value
    texts = [value] if isinstance(value, str) else cast("Sequence[str]", value)
    return tuple(part for text in texts for part in _parts(text, ","))


def _parts(text: str, separator: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(separator) if part.strip())


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


def _settle_key(values: dict[str, object], flags: Mapping[str, object]) -> None:
    """Take the key from its file where one is named; two sources at once are a mistake, unless by flag."""
    file = values.get("api_key_file")
    if file is None:
        key = values.get("api_key")
        if isinstance(key, str):
            values["api_key"] = _checked_key(key, "CALYPSO_API_KEY")
        return
    if "api_key" in values and "api_key_file" not in flags:
        raise ConfigError("CALYPSO_API_KEY and CALYPSO_API_KEY_FILE are both set: keep one of them.")
    values["api_key"] = _key_from_file(Path(str(file)).expanduser())


def _key_from_file(path: Path) -> SecretStr:
    name = "--api-key-file (CALYPSO_API_KEY_FILE)"
    try:
        with path.open("rb") as file:
            text = file.read(_KEY_FILE_BYTES + 1).decode()
    except OSError as error:
        raise ConfigError(f"{name}: cannot read {path}: {error.strerror or error}.") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{name}: {path} is not a text file.") from None
    if len(text) > _KEY_FILE_BYTES:
        raise ConfigError(f"{name}: {path} is too long to be an API key.")
    return _checked_key(text.strip(), f"{name}: {path}")


def _checked_key(key: str, source: str) -> SecretStr:
    """Refuse what could not travel in a header; the message never shows the key."""
    if not key:
        raise ConfigError(f"{source} holds no API key.")
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ConfigError(
            f"{source} does not look like an API key: it contains spaces or unusual characters."
        )
    return SecretStr(key)


def _one_line(error: ErrorDetails, settings_knobs: Mapping[str, Knob]) -> str:
    location = str(error["loc"][0]) if error["loc"] else ""
    knob = settings_knobs.get(location)
    name = knob.name if knob else location
    message = error["msg"].removeprefix("Value error, ").partition(", unable")[0]
    return f"{name}: {message.replace('Input should', 'must')}."


def _check_together(settings: Settings) -> None:
    """Refuse combinations that cannot work."""
    own_keys = settings.access_file is not None or settings.caller_key_header is not None
    if settings.backend == "hosted" and settings.api_key is None and not own_keys:
        raise ConfigError(
            "--backend hosted (CALYPSO_BACKEND) needs an API key: set CALYPSO_API_KEY, or name a file that "
            "holds it with --api-key-file (CALYPSO_API_KEY_FILE)."
        )
    ways_in = {
        "--access-file (CALYPSO_ACCESS_FILE)": settings.access_file,
        "--oauth-issuer (CALYPSO_OAUTH_ISSUER)": settings.oauth_issuer,
        "--caller-key-header (CALYPSO_CALLER_KEY_HEADER)": settings.caller_key_header,
    }
    chosen = [name for name, value in ways_in.items() if value is not None]
    if len(chosen) > 1:
        raise ConfigError(f"{' and '.join(chosen)} exclude each other: callers log in one way.")
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
