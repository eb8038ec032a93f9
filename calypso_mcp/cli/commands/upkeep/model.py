"""`calypso-mcp model download [NAME]`: fetch an embedding model, which nothing else does."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from calypso_mcp.cli.arguments import CommandParser
from calypso_mcp.errors import ConfigError
from calypso_mcp.local.semantic.embedder import EmbeddingFailed
from calypso_mcp.local.semantic.local_model import DEFAULT_MODEL, describe, download
from calypso_mcp.local.semantic.semantics import MODELS_FOLDER
from calypso_mcp.settings import load_settings


def add_arguments(parser: CommandParser) -> None:
    """Take the model's name and the data folder."""
    parser.description = (
        "Download an embedding model from Hugging Face into the data folder, with which the embedded "
        f"Calypso finds passages by meaning. The default is {DEFAULT_MODEL} (50 languages, 220 MB). The "
        "command needs the extra: pip install 'calypso-mcp[semantic]'."
    )
    parser.add_argument("action", choices=["download"], metavar="ACTION", help="download: fetch the model")
    parser.add_argument("name", nargs="?", default=DEFAULT_MODEL, metavar="NAME", help="the model's name")
    parser.add_settings((), names={"data_dir"})


def run(arguments: argparse.Namespace, flags: Mapping[str, object]) -> int:
    """Download the model and say how to use it.

    Raises:
        ConfigError: The extra is missing, there is no such model, or it cannot be fetched.
    """
    folder = load_settings(flags).data_dir / MODELS_FOLDER
    try:
        model = describe(arguments.name)
        print(f"{model.name}: {model.megabytes:,} MB, licence {model.licence}, into {folder}", flush=True)
        download(model.name, folder)
    except EmbeddingFailed as failure:
        raise ConfigError(str(failure)) from failure
    print(f"Downloaded. To use it: CALYPSO_EMBEDDINGS_MODEL={model.name}")
    return 0
