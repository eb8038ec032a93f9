"""Buckets that look like somebody's: for pictures, and for looking at every view."""

from __future__ import annotations

from pathlib import Path

import calypso_mcp
from tests.browser.page_rig import OpenedPage

_SAMPLES = Path(calypso_mcp.__file__).parent / "cli" / "samples"
_GUIDES = {
    "getting-started.md": "# Getting started\n\nFix the lamp to a flat wall with the two screws.\n",
    "cleaning.md": "# Cleaning\n\nUnplug the lamp. Wipe it with a dry cloth, never with solvents.\n",
    "dimmer.md": "# Dimmer\n\nTurn the ring to dim. Hold it for three seconds to reset the lamp.\n",
    "guides/wiring.md": "# Wiring\n\nBrown is live, blue is neutral. An electrician has to fix the wiring.\n",
    "guides/spare-parts.csv": "part,price,stock\nshade,12.50,40\nring,4.20,310\nscrew,0.10,9000\n",
}


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
        "failed-source": f"#/s/{ids['broken.pdf']}",
        "search": "#/search?q=return+a+lamp&in=support",
        "ask": "#/ask?q=How+long+may+I+return+a+lamp%3F",
        "agents": "#/agents",
        "connect": "#/connect",
    }
