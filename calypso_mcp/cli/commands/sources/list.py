"""`calypso-mcp list`: the buckets, or what one of them holds."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from calypso_mcp.cli.arguments import CommandParser
from calypso_mcp.cli.calls.calling import (
    add_calling_arguments,
    call_pages,
    print_result,
    print_table,
)
from calypso_mcp.domain.amounts import format_bytes
from calypso_mcp.domain.untrusted_text import clean_line

_LINE_CHARS = 400


def add_arguments(parser: CommandParser) -> None:
    """Take the bucket and what to narrow the listing by."""
    parser.description = "List the buckets, or the sources of one bucket."
    parser.add_argument("listed", metavar="BUCKET", nargs="?", help="slug, id or name of a bucket")
    parser.add_argument("--query", metavar="TEXT", help="only names that contain this text")
    parser.add_argument("--kind", choices=("file", "website", "qa"), help="only sources of this kind")
    parser.add_argument("--tag", metavar="TAG", help="only sources with this tag")
    parser.add_argument(
        "--state", choices=("ready", "pending", "failed", "warning"), help="only sources in this state"
    )
    add_calling_arguments(parser)


def run(arguments: argparse.Namespace, flags: Mapping[str, object]) -> int:
    """Print the listing."""
    if arguments.listed:
        return _list_sources(arguments, flags)
    pages = call_pages("list_buckets", {"query": arguments.query, "limit": 100}, flags)
    buckets = [bucket for page in pages for bucket in page["buckets"]]
    if print_result(buckets, arguments):
        return 0
    if not buckets:
        print(
            "There is no bucket yet. To create one: `calypso-mcp upload PATH --bucket NAME --create-bucket`."
        )
        return 0
    print_table(
        ("bucket", "name", "sources", "state", "agents"),
        [
            (
                bucket["slug"],
                bucket["name"],
                sum(bucket["sources"].values()),
                _state_of(bucket),
                ", ".join(bucket.get("agents", [])),
            )
            for bucket in buckets
        ],
    )
    return 0


def _state_of(bucket: Mapping[str, Any]) -> str:
    words = [f"{bucket[state]} {state}" for state in ("failed", "pending") if bucket.get(state)]
    return ", ".join(words) or bucket["readiness"]


def _list_sources(arguments: argparse.Namespace, flags: Mapping[str, object]) -> int:
    narrowing = {name: getattr(arguments, name) for name in ("query", "kind", "tag", "state")}
    asked = {"bucket": arguments.listed, **narrowing, "limit": 200}
    pages = call_pages("list_sources", asked, flags)
    sources: list[dict[str, Any]] = [source for page in pages for source in page["sources"]]
    if print_result(sources, arguments):
        return 0
    if not sources:
        print("No source fits.")
        return 0
    print_table(
        ("name", "size", "state", "tags", "updated", "file id"),
        [
            (
                source["name"],
                format_bytes(source["size_bytes"]) if "size_bytes" in source else "",
                source["state"],
                ", ".join(source.get("tags", [])),
                source.get("updated", ""),
                source["file_id"],
            )
            for source in sources
        ],
        whole=("file id",),
    )
    total = pages[-1].get("total", len(sources))
    print(f"{total} {'source' if total == 1 else 'sources'}")
    # In the table, each would leave the names a few letters wide.
    for source in sources:
        if source.get("reason"):
            print(clean_line(f"{source['state']}: {source['name']}: {source['reason']}", _LINE_CHARS))
    return 0
