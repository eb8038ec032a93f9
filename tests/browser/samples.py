"""Buckets that look like somebody's, and some that are hard to show, for looking at every view."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import calypso_mcp
from tests.browser.page_rig import OpenedPage
from tests.support.scripted_calypso import ScriptedCalypso, agent, bucket, file, hit
from tests.support.scripted_server import scripted_server
from tests.support.team_server import Team, team_server

_SAMPLES = Path(calypso_mcp.__file__).parent / "cli" / "samples"
_GUIDES = {
    "getting-started.md": "# Getting started\n\nFix the lamp to a flat wall with the two screws.\n",
    "cleaning.md": "# Cleaning\n\nUnplug the lamp. Wipe it with a dry cloth, never with solvents.\n",
    "dimmer.md": "# Dimmer\n\nTurn the ring to dim. Hold it for three seconds to reset the lamp.\n",
    "guides/wiring.md": "# Wiring\n\nBrown is live, blue is neutral. An electrician has to fix the wiring.\n",
    "guides/spare-parts.csv": "part,price,stock\nshade,12.50,40\nring,4.20,310\nscrew,0.10,9000\n",
}
_LONG = "Minutes of the meeting of the working group on lamps, shades and related accessories"
# ruff: noqa: RUF001  names in other writing systems
_AWKWARD = {
    f"{_LONG} ({_LONG}) final.md": f"# {_LONG}\n\nA lamp is a lamp.\n",
    "archive/2026/quarter-4/november/week-48/" + "x" * 120 + ".log": "lamp ok\n" * 40,
    "تعليمات المصباح (نسخة ٢).md": "# تعليمات\n\nافصل المصباح قبل التنظيف. lamp\n\nلا تستخدم المذيبات.\n",
    "מנורה.txt": "נתקו את המנורה לפני הניקוי. lamp\n",
    "ランプの取扱説明書.md": "# ランプ\n\n掃除の前に電源を切ってください。lamp\n",
    "wide.csv": "\n".join(",".join(f"lamp {row}.{column}" for column in range(30)) for row in range(12)),
    "broken.pdf": b"%PDF-1.7 cut off",
    "also broken, with a long name that does not fit.docx": b"PK\x03\x04 cut off",
    **{f"note-{number:03}.md": f"# Note {number}\n\nA lamp.\n" for number in range(150)},
}
_MANY = 58
#: Files that one batch may hold (seed: batch upload).
_BATCH = 100


def store_samples(opened: OpenedPage) -> dict[str, str]:
    """Fill three buckets; return the ids of sources by their names."""
    samples = {path.name: path.read_bytes() for path in sorted(_SAMPLES.iterdir()) if path.is_file()}
    ids = opened.upload("support", samples, tags=["support", "public"])
    ids |= opened.upload("support", {"broken.pdf": b"%PDF-1.7 cut off"})
    opened.http.post(
        "/knowledge/qa",
        json={
            "question": "May I return a lamp that was used?",
            "answer": "Yes, within thirty days, if it is clean and complete.",
            "bucket_slugs": ["support"],
        },
    ).raise_for_status()
    ids |= opened.upload("product-guides", {path: text.encode() for path, text in _GUIDES.items()})
    opened.http.post("/knowledge/buckets", json={"name": "Research notes"}).raise_for_status()
    opened.http.post(
        "/rag-agent/agents",
        json={
            "agent_id": "helpdesk",
            "name": "Helpdesk",
            "bucket_slugs": ["support", "product-guides"],
            "instructions": "Answer customers politely and name the document you quote.",
        },
    ).raise_for_status()
    return ids


def views(ids: dict[str, str]) -> dict[str, str]:
    """Return the address of each view, by its name."""
    return {
        "buckets": "#/",
        "bucket": "#/b/support",
        "empty-bucket": "#/b/research-notes",
        "source": f"#/s/{ids['returns-and-refunds.md']}?line=1&q=refund",
        "pdf-source": f"#/s/{ids['support-handbook.pdf']}?part=1&q=lamp",
        "failed-source": f"#/s/{ids['broken.pdf']}",
        "search": "#/search?q=return+a+lamp&in=support",
        "nothing-found": "#/search?q=xylophone&in=support",
        "ask": "#/ask?q=How+long+may+I+return+a+lamp%3F",
        "agents": "#/agents",
        "connect": "#/connect",
        "absent": "#/b/no-such-bucket",
    }


#: Of a data folder that holds nothing.
EMPTY_VIEWS = {"buckets": "#/", "search": "#/search", "ask": "#/ask?q=Why%3F", "agents": "#/agents"}


def store_awkward(opened: OpenedPage) -> dict[str, str]:
    """Fill sixty buckets, one of them with what is hard to show; return the ids of sources by their names."""
    files = [(path, data if isinstance(data, bytes) else data.encode()) for path, data in _AWKWARD.items()]
    tags = [f"a tag of number {number}" for number in range(6)]
    ids: dict[str, str] = {}
    for start in range(0, len(files), _BATCH):
        ids |= opened.upload("awkward", dict(files[start : start + _BATCH]), tags=tags)
    names = [_LONG, *(f"Team {number}" for number in range(_MANY))]
    for name in names:
        opened.http.post("/knowledge/buckets", json={"name": name}).raise_for_status()
    opened.http.post(
        "/rag-agent/agents",
        json={
            "name": _LONG,
            "bucket_slugs": ["awkward", *(f"team-{number}" for number in range(_MANY))],
            "instructions": " ".join([_LONG] * 12),
        },
    ).raise_for_status()
    return ids


def awkward_views(ids: dict[str, str]) -> dict[str, str]:
    """Return the address of each view that is hard to show, by its name."""
    arabic, table = (ids[name] for name in ("تعليمات المصباح (نسخة ٢).md", "wide.csv"))
    return {
        "buckets": "#/",
        "bucket": "#/b/awkward",
        "failed": "#/b/awkward?state=failed",
        "source": f"#/s/{arabic}?q=lamp",
        "table": f"#/s/{table}?q=lamp",
        "search": "#/search?q=lamp&in=awkward",
        "ask": "#/ask?q=lamp",
        "agents": "#/agents",
    }


def _hosted_samples() -> ScriptedCalypso:
    """Return a hosted Calypso with two buckets, one of which an agent searches."""
    return ScriptedCalypso(
        buckets=[bucket("handbook", files=("file_h1",), counts={"file": 1, "website": 2}), bucket("vault")],
        agents=[agent("support", "handbook")],
        files={"file_h1": file("file_h1", "handbook")},
        search=lambda _: [hit("The notice period is six weeks.", "file_h1", "handbook")],
    )


@contextmanager
def hosted_team(folder: Path) -> Generator[Team]:
    """Run a team's server of the hosted samples, which lets the agent `one` use one bucket."""
    with (
        scripted_server(_hosted_samples()) as hosted,
        team_server(
            folder,
            {"one": 'buckets = ["handbook"]'},
            CALYPSO_API_BASE_URL=hosted.base_url,
            CALYPSO_API_KEY="sk_scripted",
        ) as team,
    ):
        yield team


HOSTED_VIEWS = {
    "buckets": "#/",
    "bucket": "#/b/handbook",
    "search": "#/search?q=notice+period&in=handbook",
    "agents": "#/agents",
    "connect": "#/connect",
}
