"""The access file: which agents may call, each with its token's hash, ceiling, API key and pace.

```toml
[agents.support]
token_hash = "sha256:…"               # or a list of them, while tokens are exchanged
buckets = ["support-handbook"]        # exactly one of: buckets, agent, all_buckets = true
read_only = true
api_key_env = "SUPPORT_CALYPSO_KEY"   # or: api_key_file = "/run/secrets/support"; neither: the server's key
calls_per_minute = 120
concurrent_calls = 8
bytes_per_bucket = 500_000_000        # what it may store: in any one bucket, and in a day (UTC)
sources_per_bucket = 10_000
bytes_per_day = 100_000_000
metrics = false                       # may read /metrics
```

Messages name the file, the agent and the field, never a value: someone will paste a token into a wrong line.
"""

from __future__ import annotations

import logging
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from mcp.server.auth.provider import AccessToken, TokenVerifier
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator

from calypso_mcp.domain.addresses import may_be_api_key
from calypso_mcp.domain.callers.access import AccessGrant, ScopeLimit
from calypso_mcp.domain.callers.quota import Quota
from calypso_mcp.domain.toml_text import parse_toml
from calypso_mcp.errors import ConfigError
from calypso_mcp.regular_files import read_regular_file
from calypso_mcp.server.access.access_file import tokens
from calypso_mcp.server.access.credentials import LONGEST_TOKEN, access_token, fingerprint

_LARGEST_FILE_BYTES = 1_048_576
_LARGEST_KEY_BYTES = 4_096
#: What a column of SQLite can count, with room for one file more.
_LARGEST_QUOTA = 2**62
#: Names are cut in messages: a name longer than this may be a secret in the wrong place.
_LONGEST_NAME = 40

_BucketName = Annotated[str, Field(min_length=1, max_length=200)]
_log = logging.getLogger(__name__)
_Stamp = tuple[int, int, int, int] | None


class _Agent(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)

    token_hash: str | list[str]
    buckets: list[_BucketName] | None = Field(None, min_length=1)
    agent: str | None = Field(None, min_length=1, max_length=200)
    all_buckets: bool = False
    read_only: bool = False
    api_key_env: str | None = Field(None, min_length=1)
    api_key_file: str | None = Field(None, min_length=1)
    calls_per_minute: int | None = Field(None, ge=1, le=100_000)
    concurrent_calls: int | None = Field(None, ge=1, le=10_000)
    bytes_per_bucket: int | None = Field(None, ge=1, le=_LARGEST_QUOTA)
    sources_per_bucket: int | None = Field(None, ge=1, le=_LARGEST_QUOTA)
    bytes_per_day: int | None = Field(None, ge=1, le=_LARGEST_QUOTA)
    metrics: bool = False

    @model_validator(mode="after")
    def _check(self) -> _Agent:
        hashes = self.hashes
        if not hashes or not all(tokens.is_hash(entry) for entry in hashes):
            raise ValueError(
                "token_hash: must be `sha256:` and 64 hexadecimal digits; `calypso-mcp token new` prints it"
            )
        if sum((self.buckets is not None, self.agent is not None, self.all_buckets)) != 1:
            raise ValueError("buckets: give exactly one of buckets, agent and all_buckets = true")
        if tokens.BLANK in {self.agent, *(self.buckets or ())}:
            raise ValueError(f"buckets: name buckets or an agent in place of {tokens.BLANK}")
        if self.api_key_env is not None and self.api_key_file is not None:
            raise ValueError("api_key_env: give it or api_key_file, not both")
        return self

    @property
    def hashes(self) -> list[str]:
        return [self.token_hash] if isinstance(self.token_hash, str) else self.token_hash

    @property
    def limit(self) -> ScopeLimit | None:
        if self.all_buckets:
            return None
        return ScopeLimit(frozenset(self.buckets or ()), frozenset({self.agent} if self.agent else ()))

    @property
    def quota(self) -> Quota:
        return Quota(self.bytes_per_bucket, self.sources_per_bucket, self.bytes_per_day)

    @property
    def key_reference(self) -> str:
        if self.api_key_env is not None:
            return f"env:{self.api_key_env}"
        return f"file:{self.api_key_file}" if self.api_key_file is not None else ""


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)

    agents: dict[str, _Agent] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class AccessList:
    """One version of the access file, checked.

    Attributes:
        grants: What each token allows, by its hash.
        keys: The Calypso API keys referred to, by reference.
    """

    grants: Mapping[str, AccessGrant]
    keys: Mapping[str, SecretStr] = field(repr=False)
    key_files: tuple[Path, ...] = ()

    def grant_of(self, token: str) -> AccessGrant | None:
        """Return what `token` allows; None for an unknown token.

        Every stored hash is compared, in constant time, so that the answer's time says nothing.
        """
        presented = tokens.hash_token(token)
        found: AccessGrant | None = None
        for stored, grant in self.grants.items():
            if tokens.matches(presented, stored):
                found = grant
        return found


def load(path: Path, environ: Mapping[str, str]) -> AccessList:
    """Read and check the access file, and the API keys it refers to.

    A relative `api_key_file` is taken from the file's folder, and `api_key_env` from `environ`.

    Raises:
        ConfigError: With the file, the agent and the field at fault.
    """
    agents = _parse(path).agents
    owners: dict[str, str] = {}
    keys: dict[str, SecretStr] = {}
    key_files: list[Path] = []
    for name, agent in agents.items():
        where = f"{path}: agent {name!r}"
        if not tokens.is_name(name):
            raise ConfigError(f"{where}: its name may hold letters, digits, dots and hyphens only.")
        for stored in agent.hashes:
            if owners.setdefault(stored, name) != name:
                raise ConfigError(f"{where}: token_hash: agent {owners[stored]!r} has the same token.")
        if agent.api_key_env is not None:
            keys[agent.key_reference] = _key_from(environ.get(agent.api_key_env, ""), f"{where}: api_key_env")
        elif agent.api_key_file is not None:
            file, label = path.parent / agent.api_key_file, f"{where}: api_key_file"
            key_files.append(file)
            keys[agent.key_reference] = _key_from(_read(file, label), label)
    grants = {
        stored: AccessGrant(
            name=name,
            token_hash=stored,
            limit=agent.limit,
            read_only=agent.read_only,
            key_reference=agent.key_reference,
            calls_per_minute=agent.calls_per_minute,
            concurrent_calls=agent.concurrent_calls,
            quota=agent.quota,
            metrics=agent.metrics,
        )
        for name, agent in agents.items()
        for stored in agent.hashes
    }
    return AccessList(grants, keys, tuple(key_files))


def _parse(path: Path) -> _File:
    try:
        data = read_regular_file(path, _LARGEST_FILE_BYTES)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or type(error).__name__}.") from None
    try:
        content = parse_toml(data.decode())
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: is not UTF-8 text.") from None
    except RecursionError:
        raise ConfigError(f"{path}: is nested too deeply.") from None
    except tomllib.TOMLDecodeError as error:
        # The parser's own words may quote the line at fault; its position is all a reader needs.
        position = str(error).rpartition("(")[2].rstrip(")")
        raise ConfigError(f"{path}: is not TOML ({position}).") from None
    except ValueError:
        raise ConfigError(f"{path}: is not TOML (a number or a key is too long).") from None
    try:
        return _File.model_validate(content)
    except ValidationError as error:
        raise ConfigError(f"{path}: {_first_problem(error)}.") from None


def _first_problem(error: ValidationError) -> str:
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    location = [str(part)[:_LONGEST_NAME] for part in first["loc"]]
    message = first["msg"].removeprefix("Value error, ").replace("Input should", "must")
    is_of_agent = location[:1] == ["agents"] and len(location) > 1
    steps = [f"agent {location[1]!r}", *location[2:3]] if is_of_agent else location
    if first["type"] == "extra_forbidden":
        fields = _Agent.model_fields if is_of_agent else _File.model_fields
        message = f"there is no such field, only {', '.join(fields)}"
    return ": ".join([*steps, message])


def _read(file: Path, where: str) -> str:
    try:
        return read_regular_file(file, _LARGEST_KEY_BYTES).decode("ascii").strip()
    except OSError as error:
        raise ConfigError(f"{where}: {error.strerror or type(error).__name__}.") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{where}: the file holds no API key.") from None


def _key_from(text: str, where: str) -> SecretStr:
    if not text:
        raise ConfigError(f"{where}: there is no API key.")
    if not may_be_api_key(text):
        raise ConfigError(f"{where}: the content does not look like an API key.")
    return SecretStr(text)


class WatchedAccessFile(TokenVerifier):
    """Loads the access file now and whenever it or a key file it names has changed.

    The check costs one `stat` per file and request. A version that is wrong, or a file that has gone, is
    logged once and changes nothing: a typing error must not lock everyone out, and a wrong file must not
    let anyone in.

    Raises:
        ConfigError: The first version is wrong.
    """

    def __init__(self, path: Path, environ: Mapping[str, str]) -> None:
        self._path = path
        self._environ = environ
        #: What is wrong with the file as it is now; None if it is in force.
        self._complaint: str | None = None
        self._current, self._stamps = self._load(())

    def current(self) -> AccessList:
        """Return the newest version that is right."""
        if self._read_stamps(self._current.key_files) == self._stamps:
            return self._current
        try:
            self._current, self._stamps = self._load(self._current.key_files)
        except ConfigError as error:
            # Loaded again by the next call: perhaps only a key file is missing that is still to come.
            if str(error) != self._complaint:
                self._complaint = str(error)
                _log.error(
                    "The access file changed but is invalid; the previous version stays in force: %s", error
                )
        else:
            self._complaint = None
            _log.warning("The access file changed: %d tokens are in force.", len(self._current.grants))
        return self._current

    async def verify_token(self, token: str) -> AccessToken | None:
        """Return the grant of the agent whose bearer token this is; None for an unknown token."""
        if len(token) > LONGEST_TOKEN:
            return None
        grant = self.current().grant_of(token)
        return None if grant is None else access_token(grant, fingerprint(token))

    def renewed(self, grant: AccessGrant) -> AccessGrant | None:
        """Return what the token behind `grant` allows now; None if its agent lost it."""
        now = self.current().grants.get(grant.token_hash)
        return now if now is not None and now.name == grant.name else None

    def agents(self) -> frozenset[str]:
        """Return the Calypso agents that any grant names now."""
        limits = [grant.limit for grant in self.current().grants.values()]
        return frozenset(name for limit in limits if limit for name in limit.agents)

    def key(self, reference: str) -> SecretStr | None:
        """Return the API key that `reference` stands for now."""
        return self.current().keys.get(reference)

    def _load(self, key_files: tuple[Path, ...]) -> tuple[AccessList, tuple[_Stamp, ...]]:
        """Return the file's version, and stamps from before it was read: a change meanwhile is seen later.

        If it names other `key_files` than expected, it is read once more.
        """
        while True:
            stamps = self._read_stamps(key_files)
            loaded = load(self._path, self._environ)
            if loaded.key_files == key_files:
                return loaded, stamps
            key_files = loaded.key_files

    def _read_stamps(self, key_files: tuple[Path, ...]) -> tuple[_Stamp, ...]:
        return tuple(_stamp(path) for path in (self._path, *key_files))


def _stamp(path: Path) -> _Stamp:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_ctime_ns, status.st_size
