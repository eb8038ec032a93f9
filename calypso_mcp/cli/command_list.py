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
    "serving.stdio", "[FLAGS]", "Serve MCP over stdio: what a client configuration starts (the default)."
)

COMMANDS = (
    STDIO,
    Command("serving.http", "[FLAGS]", "Serve MCP over streamable HTTP at /mcp."),
    Command("serving.open", "[--no-browser] [FLAGS]", "Open the page of the buckets in the browser."),
    Command("serving.backend", "[FLAGS]", "Serve the embedded Calypso's REST API and its page."),
    Command("upkeep.demo", "[PATH ...] [FLAGS]", "Upload files, wait, search, print cited passages."),
    Command("sources.upload", "PATH ... --bucket BUCKET [FLAGS]", "Upload files or folders into a bucket."),
    Command(
        "upkeep.doctor", "[--json] [FLAGS]", "Look at everything an installation needs, and name the fixes."
    ),
    Command(
        "upkeep.install", "CLIENT [FLAGS]", "Put the server into a client's configuration, or take it out."
    ),
    Command("sources.sync", "FOLDER --bucket BUCKET [FLAGS]", "Keep a bucket equal to a folder."),
    Command("sources.list", "[BUCKET] [FLAGS]", "List the buckets, or what one of them holds."),
    Command("asking.search", "QUERY [FLAGS]", "Find passages, with citations."),
    Command("asking.ask", "QUESTION [FLAGS]", "Ask an agent; its answer cites the sources."),
    Command("sources.read", "FILE_ID [FLAGS]", "Print the text of a source."),
    Command("sources.remove", "FILE_ID [FLAGS]", "Remove a source and its passages for good."),
    Command("sources.add_url", "URL --bucket BUCKET [FLAGS]", "Read a public web page into a bucket."),
    Command("sources.add_qa", "QUESTION ANSWER --bucket BUCKET", "Store a question with its answer."),
    Command("sources.export", "BUCKET FOLDER [FLAGS]", "Write a bucket's files, as uploaded, into a folder."),
    Command(
        "sources.move", "[BUCKET ...] --to hosted [FLAGS]", "Take buckets to the hosted Calypso, and compare."
    ),
    Command("upkeep.recover", "[FLAGS]", "Save what can still be read of a damaged store."),
    Command(
        "upkeep.model", "download [NAME] [FLAGS]", "Download an embedding model to order passages by meaning."
    ),
    Command("upkeep.token", "new NAME", "Make an access token for an agent that calls over HTTP."),
)
