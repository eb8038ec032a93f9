"""`calypso-mcp move`: copies the buckets of the embedded Calypso to the hosted one."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

import anyio

from calypso_mcp.assembly.backends import open_backends
from calypso_mcp.cli.arguments import CommandParser
from calypso_mcp.cli.calls.calling import print_result, print_table
from calypso_mcp.cli.moving.carrying import Carried, carry, carry_agents, open_bucket
from calypso_mcp.cli.moving.checking import Checked, check
from calypso_mcp.cli.moving.plan import Plan, PlannedBucket, Sides, describe_changes, make_plan
from calypso_mcp.cli.printing.progress import phase
from calypso_mcp.cli.process.logs import load_settings_and_log
from calypso_mcp.domain.amounts import format_bytes
from calypso_mcp.domain.untrusted_text import clean_line
from calypso_mcp.errors import ConfigError
from calypso_mcp.settings import Settings

#: Seconds to wait for everything to be searchable on the other side.
_READY_S = 3600.0


def add_arguments(parser: CommandParser) -> None:
    """Take the buckets and where they go."""
    parser.description = (
        "Copy buckets of the embedded Calypso, with their files, web pages, questions and agents, "
        "to the hosted one, then compare both. The command removes nothing here. You can stop it at "
        "any point; run it again to continue."
    )
    parser.add_argument(
        "moved", metavar="BUCKET", nargs="*", help="slug, id or name of a bucket; all buckets by default"
    )
    parser.add_argument(
        "--to", required=True, choices=["hosted"], help="destination: the Calypso of CALYPSO_API_KEY"
    )
    parser.add_argument("--dry-run", action="store_true", help="show what would be moved, and do nothing")
    parser.add_json()
    parser.add_time_limit(_READY_S)
    parser.add_settings({"calypso", "observing"}, names={"parallel_uploads"})


def run(arguments: argparse.Namespace, flags: Mapping[str, object]) -> int:
    """Move; return 1 if a source did not arrive, cannot be searched there, or is not found there.

    Raises:
        ConfigError: There is no key for the other side, or both sides are the same.
        ScopeError: There is no such bucket here.
    """
    settings = load_settings_and_log({name: value for name, value in flags.items() if name != "backend"})
    if settings.api_key is None:
        raise ConfigError(
            "The hosted Calypso needs an API key.", hint="Set CALYPSO_API_KEY or --api-key-file."
        )
    return anyio.run(_move, settings, arguments)


async def _move(settings: Settings, arguments: argparse.Namespace) -> int:
    embedded = settings.model_copy(update={"backend": "embedded"})
    hosted = settings.model_copy(update={"backend": "hosted"})
    async with open_backends(embedded) as near, open_backends(hosted) as far:
        here, there = near.of_process().client, far.of_process().client
        sides = Sides(here, there, await there.connection.extensions())
        plan = await make_plan(sides, arguments.moved)
        notes = list(describe_changes(plan, sides.extensions))
        if arguments.dry_run:
            _print_plan(plan, notes, arguments)
            return 0
        result = await _carry_out(sides, plan, arguments.time_limit)
    result["changes"] = notes
    if not print_result(result, arguments):
        _print_moved(result)
    return 1 if any(bucket["problems"] for bucket in result["buckets"]) else 0


async def _carry_out(sides: Sides, plan: Plan, time_limit_s: float) -> dict[str, Any]:
    moved: list[dict[str, Any]] = []
    ids: dict[str, str] = {}
    for planned in plan.buckets:
        slug = planned.bucket.slug
        bucket = await open_bucket(sides, planned)
        ids[planned.bucket.id] = bucket.id
        with phase(f"Moving {slug}") as report:
            carried = await carry(sides, planned, bucket.id, report)
        with phase(f"Checking {slug}"):
            checked = await check(sides, (planned.bucket.id, bucket.id), carried, time_limit_s)
        moved.append(_moved_bucket(planned, carried, checked))
    agents = [
        {"agent": agent, "outcome": outcome} async for agent, outcome in carry_agents(sides, plan.agents, ids)
    ]
    return {"buckets": moved, "agents": agents}


def _moved_bucket(planned: PlannedBucket, carried: list[Carried], checked: Checked) -> dict[str, Any]:
    lost = [moved for moved in carried if not moved.state.is_uploaded]
    return {
        "bucket": planned.bucket.slug,
        "sources": len(planned.sources),
        "uploaded": sum(moved.state.outcome == "accepted" for moved in carried),
        "already_there": sum(moved.state.is_replayed for moved in carried),
        "searchable": checked.searchable,
        "searches": checked.searches,
        "searches_found": checked.searches - len(checked.missed),
        "problems": [
            *(f"{moved.source.name}: {moved.state.message or moved.state.outcome}" for moved in lost),
            *(f"{name}: {reason}" for name, reason in checked.unsearchable),
            *(f"found here and not there: {query}" for query in checked.missed),
        ],
    }


def _print_plan(plan: Plan, notes: list[str], arguments: argparse.Namespace) -> None:
    rows: list[dict[str, Any]] = [
        {
            "bucket": planned.bucket.slug,
            "sources": len(planned.sources),
            "size_bytes": planned.size_bytes,
            "there": "exists" if planned.there else "new",
        }
        for planned in plan.buckets
    ]
    agents = [agent.profile_id for agent in plan.agents]
    if print_result({"buckets": rows, "agents": agents, "changes": notes}, arguments):
        return
    print_table(
        ["bucket", "sources", "size", "there"],
        [[row["bucket"], row["sources"], format_bytes(row["size_bytes"]), row["there"]] for row in rows],
    )
    print(f"  agents: {len(agents)}")
    _print_notes(notes)


def _print_moved(result: Mapping[str, Any]) -> None:
    columns = ("bucket", "sources", "uploaded", "already_there", "searchable")
    headings = [column.replace("_", " ") for column in columns]
    rows = [
        [*(bucket[column] for column in columns), f"{bucket['searches_found']} of {bucket['searches']}"]
        for bucket in result["buckets"]
    ]
    print_table([*headings, "searches"], rows)
    for bucket in result["buckets"]:
        for problem in bucket["problems"]:
            print(f"  {bucket['bucket']}: {clean_line(problem, 200)}")
    for agent in result["agents"]:
        print(f"  agent {agent['agent']}: {clean_line(agent['outcome'], 200)}")
    _print_notes(result["changes"])


def _print_notes(notes: list[str]) -> None:
    for note in notes:
        print(f"  {clean_line(note, 300)}")
