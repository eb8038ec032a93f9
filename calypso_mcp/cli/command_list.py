"""The commands in the order in which `--help` lists them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Command:
    """A command as `--help` lists it.

    Attributes:
        module: Its module below `commands`, which has its name.
        usage: Its arguments in short; at most 45 characters.
        summary: What it does, in one line.
    """

    module: str
    usage: str
    summary: str

    @property
    def name(self) -> str:
        """What a person types."""
        return self.module.rpartition(".")[2].replace("_", "-")


#: The command of a line that names no other: what a client configuration starts.
STDIO = Command(
    "serving.stdio", "[FLAGS]", "Serve MCP over stdio, as client configurations do (the default)."
)

COMMANDS = (
    STDIO,
    Command("serving.http", "[FLAGS]", "Serve MCP over streamable HTTP at /mcp."),
    Command("serving.open", "[--no-browser] [FLAGS]", "Open your buckets in the browser."),
    Command("serving.backend", "[FLAGS]", "Serve the embedded Calypso's REST API and its page."),
    Command("upkeep.demo", "[PATH ...] [FLAGS]", "Upload files, wait, search, and print cited passages."),
    Command("sources.upload", "PATH ... --bucket BUCKET [FLAGS]", "Upload files or folders into a bucket."),
    Command("upkeep.doctor", "[--json] [FLAGS]", "Check the installation and say how to fix problems."),
    Command("upkeep.install", "CLIENT [FLAGS]", "Add the server to a client's configuration, or remove it."),
    Command("sources.sync", "FOLDER --bucket BUCKET [FLAGS]", "Keep a bucket equal to a folder."),
    Command("sources.list", "[BUCKET] [FLAGS]", "List the buckets, or the sources of one bucket."),
    Command("asking.search", "QUERY [FLAGS]", "Find passages with citations."),
    Command("asking.ask", "QUESTION [FLAGS]", "Ask an agent, which cites its sources."),
    Command("sources.read", "SOURCE [FLAGS]", "Print the text of a source."),
    Command("sources.remove", "SOURCE [FLAGS]", "Remove a source and its passages for good."),
    Command("sources.add_url", "URL --bucket BUCKET [FLAGS]", "Read a public web page into a bucket."),
    Command("sources.add_qa", "QUESTION ANSWER --bucket BUCKET", "Store a question with its answer."),
    Command("sources.export", "BUCKET FOLDER [FLAGS]", "Write a bucket's files into a folder, as uploaded."),
    Command(
        "sources.move", "[BUCKET ...] --to hosted [FLAGS]", "Copy buckets to the hosted Calypso, and compare."
    ),
    Command("upkeep.recover", "[--force] [FLAGS]", "Save what is still readable in a damaged store."),
    Command(
        "upkeep.model", "download [NAME] [FLAGS]", "Download an embedding model to find passages by meaning."
    ),
    Command("upkeep.token", "new NAME", "Make an access token for an agent that calls over HTTP."),
)
