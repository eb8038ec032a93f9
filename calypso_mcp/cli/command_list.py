"""The commands in the order in which `--help` lists them. Each has a module of its name in `commands`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Command:
    """A command as `--help` lists it.

    Attributes:
        name: What a person types; the module has the same name.
        usage: Its arguments in short; at most 45 characters.
        summary: What it does, in one line.
    """

    name: str
    usage: str
    summary: str


#: The command of a line that names no other: what a client configuration starts.
STDIO = Command("stdio", "[FLAGS]", "Serve MCP over stdio: what a client configuration starts (the default).")

COMMANDS = (
    STDIO,
    Command("http", "[FLAGS]", "Serve MCP over streamable HTTP at /mcp."),
    Command("open", "[--no-browser] [FLAGS]", "Open the page of the buckets in the browser."),
    Command("backend", "[FLAGS]", "Serve the embedded Calypso's REST API and its page."),
    Command("demo", "[PATH ...] [FLAGS]", "Upload files, wait, search, print cited passages."),
    Command("upload", "PATH ... --bucket BUCKET [FLAGS]", "Upload files or folders into a bucket."),
    Command("doctor", "[--json] [FLAGS]", "Look at everything an installation needs, and name the fixes."),
    Command("install", "CLIENT [FLAGS]", "Put the server into a client's configuration, or take it out."),
    Command("sync", "FOLDER --bucket BUCKET [FLAGS]", "Keep a bucket equal to a folder."),
    Command("list", "[BUCKET] [FLAGS]", "List the buckets, or what one of them holds."),
    Command("search", "QUERY [FLAGS]", "Find passages, with citations."),
    Command("ask", "QUESTION [FLAGS]", "Ask an agent; its answer cites the sources."),
    Command("read", "FILE_ID [FLAGS]", "Print the text of a source."),
    Command("remove", "FILE_ID [FLAGS]", "Remove a source and its passages for good."),
    Command("add-url", "URL --bucket BUCKET [FLAGS]", "Read a public web page into a bucket."),
    Command("add-qa", "QUESTION ANSWER --bucket BUCKET", "Store a question with its answer."),
    Command("export", "BUCKET FOLDER [FLAGS]", "Write a bucket's files, as uploaded, into a folder."),
    Command("move", "[BUCKET ...] --to hosted [FLAGS]", "Take buckets to the hosted Calypso, and compare."),
    Command("recover", "[FLAGS]", "Save what is left of a damaged store."),
    Command("model", "download [NAME] [FLAGS]", "Download an embedding model to order passages by meaning."),
    Command("token", "new NAME", "Make an access token for an agent that calls over HTTP."),
)
