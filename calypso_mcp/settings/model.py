"""Every setting, once: flag, environment variable, default and meaning."""

from __future__ import annotations

import os
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from calypso_mcp.domain.limits import UPLOADS_UNASKED
from calypso_mcp.settings.values import (
    AbsolutePath,
    ApiUrl,
    EndpointUrl,
    Folder,
    Issuer,
    Knob,
    LogLevel,
    PrivateHost,
    PublicUrl,
    WebUrl,
)


class Settings(BaseModel):
    """What the operator decided. Immutable; lower layers get small policies made from it."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    backend: Annotated[Literal["auto", "hosted", "embedded"], Knob("calypso", "WHERE")] = Field(
        default="auto",
        description="Where buckets live: `hosted` (Calypso's cloud), `embedded` (this machine's disk), "
        "or `auto` (hosted if an API key is set).",
    )
    api_key: Annotated[SecretStr | None, Knob("calypso", secret=True)] = Field(
        default=None,
        description="Project API key of the hosted API. It has no flag, because every user of the "
        "machine can see a program's arguments.",
    )
    api_key_file: Annotated[AbsolutePath | None, Knob("calypso", "FILE")] = Field(
        default=None, description="File that holds the API key, instead of `CALYPSO_API_KEY`."
    )
    api_base_url: Annotated[ApiUrl, Knob("calypso", "URL")] = Field(
        default="https://api.calypso.so/v1",
        description="Base URL of the hosted API. It ends in `/v1`, and uses https unless it is on this "
        "machine.",
    )
    data_dir: Annotated[AbsolutePath, Knob("calypso", "FOLDER")] = Field(
        description="Folder for the embedded Calypso and for the record of sent files. Several "
        "processes may share it."
    )
    min_free_disk_mb: Annotated[int, Knob("calypso", "MB", flag="--min-free-disk")] = Field(
        default=500,
        ge=0,
        le=1_000_000_000,
        description="Space on its disk below which the embedded Calypso adds nothing to its store.",
    )
    allow_private_hosts: Annotated[
        tuple[PrivateHost, ...], Knob("calypso", "HOST", separator=",", flag="--allow-private-host")
    ] = Field(
        default=(),
        description="Private host (`wiki.corp`, `10.0.0.5:8000`) that the embedded Calypso may read "
        "besides the public web; repeat the flag for several.",
    )
    embeddings_model: Annotated[str | None, Knob("models", "NAME")] = Field(
        default=None,
        max_length=500,
        description="Embedding model with which the embedded Calypso searches by meaning, too. Give its name "
        "at the endpoint or, without an endpoint, a model name or a folder on this machine (`semantic` "
        "extra).",
    )
    embeddings_url: Annotated[EndpointUrl | None, Knob("models", "URL")] = Field(
        default=None,
        description="OpenAI-compatible endpoint (`http://localhost:11434/v1`) that receives passages "
        "and questions to embed; https unless it is on this machine.",
    )
    embeddings_key: Annotated[SecretStr | None, Knob("models", secret=True)] = Field(
        default=None, description="Key of the embeddings endpoint. It has no flag."
    )
    embeddings_key_file: Annotated[AbsolutePath | None, Knob("models", "FILE")] = Field(
        default=None, description="File that holds the endpoint's key, instead of `CALYPSO_EMBEDDINGS_KEY`."
    )
    embeddings_query_prefix: Annotated[str | None, Knob("models", "TEXT")] = Field(
        default=None,
        max_length=500,
        description="Text that the model expects before a question. Unset: the known prefix of the model.",
    )
    embeddings_passage_prefix: Annotated[str | None, Knob("models", "TEXT")] = Field(
        default=None,
        max_length=500,
        description="Text that the model expects before a passage. Unset: the known prefix of the model.",
    )
    llm_url: Annotated[EndpointUrl | None, Knob("models", "URL")] = Field(
        default=None,
        description="OpenAI-compatible endpoint (`http://localhost:11434/v1`) whose model writes the "
        "answers of the embedded Calypso. It receives questions and passages; https unless it is on "
        "this machine.",
    )
    llm_model: Annotated[str | None, Knob("models", "NAME")] = Field(
        default=None, max_length=500, description="Name of the language model at that endpoint."
    )
    llm_key: Annotated[SecretStr | None, Knob("models", secret=True)] = Field(
        default=None, description="Key of the language model's endpoint. It has no flag."
    )
    llm_key_file: Annotated[AbsolutePath | None, Knob("models", "FILE")] = Field(
        default=None, description="File that holds the language model's key, instead of `CALYPSO_LLM_KEY`."
    )
    buckets: Annotated[
        tuple[str, ...], Knob("scope", "BUCKET", separator=",", limits=True, flag="--bucket")
    ] = Field(
        default=(), description="Limits every tool to this bucket (slug or id); repeat the flag for several."
    )
    agent: Annotated[str | None, Knob("scope", "AGENT", limits=True)] = Field(
        default=None, description="Limits every tool to the buckets attached to this agent."
    )
    read_only: Annotated[bool, Knob("scope", limits=True)] = Field(
        default=False, description="Offers only tools that change nothing."
    )
    profile: Annotated[Literal["full", "chatgpt"], Knob("scope", "NAME", limits=True)] = Field(
        default="full",
        description="Set of tools to offer: `full`, or `chatgpt` (`search` and `fetch`, as ChatGPT and "
        "deep research require them). `--tools` chooses among the tools of the profile.",
    )
    tools: Annotated[tuple[str, ...], Knob("scope", "NAMES", separator=",", limits=True)] = Field(
        default=(), description="Offers only these tools, separated by commas."
    )
    allow_create: Annotated[bool, Knob("scope")] = Field(
        default=False,
        description="Lets a caller with a limited scope create agents and the buckets that it names.",
    )
    confirm_removals: Annotated[bool, Knob("scope")] = Field(
        default=True,
        description="Asks the user, through the client or else the agent, before the server removes a "
        "source, or more than 10 sources of a folder. On by default; the flag turns it off.",
    )
    confirm_uploads_over: Annotated[int, Knob("scope", "N")] = Field(
        default=UPLOADS_UNASKED,
        ge=0,
        description="Asks the user in the same way before a call sends more files than this; 0 never asks.",
    )
    allow_paths: Annotated[
        tuple[Folder, ...],
        Knob("files", "FOLDER", separator=os.pathsep, variable="CALYPSO_ALLOWED_PATHS", flag="--allow-path"),
    ] = Field(
        default=(),
        description="Folder whose files callers may upload by path; repeat the flag for several. "
        "Without it, the server reads no local files.",
    )
    allow_secret_names: Annotated[bool, Knob("files")] = Field(
        default=False,
        description="Also uploads files whose names suggest secrets (`.env`, `*.pem`, `.ssh/`, ...).",
    )
    scan_secrets: Annotated[bool, Knob("files")] = Field(
        default=True,
        description="Searches text for private keys and access tokens, and refuses to upload text that "
        "contains one. On by default; the flag turns it off.",
    )
    allow_local_files_over_http: Annotated[bool, Knob("access")] = Field(
        default=False,
        description="Lets callers of `calypso-mcp http` upload files from the server's disk (inside the "
        "allowed folders).",
    )
    parallel_uploads: Annotated[int | None, Knob("transfer", "N")] = Field(
        default=None,
        ge=1,
        le=64,
        description="Number of files to send at the same time. Unset: 8, or 32 for the embedded Calypso.",
    )
    request_timeout_s: Annotated[
        float, Knob("transfer", "SECONDS", variable="CALYPSO_REQUEST_TIMEOUT", flag="--request-timeout")
    ] = Field(default=30.0, gt=0, le=600, description="Seconds that one request to the API may take.")
    host: Annotated[str, Knob("http", "HOST", variable="CALYPSO_HTTP_HOST")] = Field(
        default="127.0.0.1", min_length=1, description="Address to listen on."
    )
    port: Annotated[int | None, Knob("http", "PORT", variable="CALYPSO_HTTP_PORT")] = Field(
        default=None,
        ge=0,
        le=65535,
        description="Port to listen on. Unset: 8000 for `http`, 8010 for `backend`; 0 picks a free port.",
    )
    allowed_hosts: Annotated[
        tuple[str, ...], Knob("access", "HOST", separator=",", flag="--allowed-host")
    ] = Field(
        default=(),
        description="Host header to accept besides the listening address, as `name` (any port) or "
        "`name:port`; repeat the flag for several.",
    )
    allowed_origins: Annotated[
        tuple[str, ...], Knob("access", "ORIGIN", separator=",", flag="--allowed-origin")
    ] = Field(default=(), description="Browser origin to accept; repeat the flag for several.")
    sealing_secret: Annotated[SecretStr | None, Knob("http", secret=True)] = Field(
        default=None,
        description="Secret that seals upload addresses and conversations: at least 32 characters, the "
        "same on all machines behind one address. Unset: the server makes one and keeps it in the data "
        "folder. It has no flag.",
    )
    sealing_secret_file: Annotated[AbsolutePath | None, Knob("http", "FILE")] = Field(
        default=None,
        description="File that holds the secret that seals upload addresses and conversations, instead of "
        "`CALYPSO_SEALING_SECRET`.",
    )
    public_url: Annotated[PublicUrl | None, Knob("access", "URL")] = Field(
        default=None, description="URL at which clients reach `calypso-mcp http` through a proxy."
    )
    access_file: Annotated[AbsolutePath | None, Knob("access", "FILE", limits=True)] = Field(
        default=None, description="TOML file that names the agents that may call; see SECURITY.md."
    )
    oauth_issuer: Annotated[Issuer | None, Knob("access", "URL", limits=True)] = Field(
        default=None, description="OAuth issuer whose access tokens the server accepts."
    )
    oauth_audience: Annotated[str | None, Knob("access", "TEXT", limits=True)] = Field(
        default=None, description="Audience that an OAuth token must name. Unset: the public URL."
    )
    oauth_jwks_url: Annotated[WebUrl | None, Knob("access", "URL")] = Field(
        default=None, description="URL of the issuer's signing keys."
    )
    oauth_buckets_claim: Annotated[str, Knob("access", "CLAIM")] = Field(
        default="calypso_buckets",
        min_length=1,
        description="Claim of an OAuth token that lists the caller's buckets. Every token needs it.",
    )
    oauth_write_scope: Annotated[str | None, Knob("access", "SCOPE", limits=True)] = Field(
        default=None, description="OAuth scope that a caller needs to write. Unset: every caller may write."
    )
    oauth_required_scopes: Annotated[
        tuple[str, ...], Knob("access", "SCOPE", separator=",", limits=True, flag="--oauth-required-scope")
    ] = Field(default=(), description="OAuth scope that every token must carry; repeat the flag for several.")
    caller_key_header: Annotated[str | None, Knob("access", "NAME", limits=True)] = Field(
        default=None,
        pattern=r"^[A-Za-z][A-Za-z0-9-]*$",
        description="Header in which each caller sends their own Calypso API key.",
    )
    metrics: Annotated[bool, Knob("access")] = Field(
        default=False, description="Serves `/metrics` in Prometheus format."
    )
    log_level: Annotated[LogLevel, Knob("observing", "LEVEL")] = Field(
        default="warning",
        description="Lowest level of messages to log to stderr: `debug`, `info`, `warning` or `error`.",
    )
    log_queries: Annotated[bool, Knob("observing")] = Field(
        default=False, description="Includes the text of questions in logs and traces."
    )
    log_json: Annotated[bool, Knob("observing")] = Field(
        default=False, description="Writes logs as one JSON object per line."
    )

    @property
    def min_free_disk_bytes(self) -> int:
        """Room on the disk that must stay free, in bytes."""
        return self.min_free_disk_mb * 1_000_000

    @property
    def uses_hosted_api(self) -> bool:
        """Whether requests go to the hosted API rather than to this machine's disk."""
        if self.backend == "auto":
            return self.api_key is not None or self.caller_key_header is not None
        return self.backend == "hosted"
