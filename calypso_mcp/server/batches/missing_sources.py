"""Finds sources whose files are gone from a folder, and removes them after the user agrees.

A source counts as one of the folder if this program remembers having sent it from there: with the folder,
with one above it, with one below it that still holds others of its files, or alone. A source that came
another way, or from another folder under the same name, is never touched.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from typing import Final

from calypso_mcp.api.connection import Extension
from calypso_mcp.api.sources import Source
from calypso_mcp.domain.amounts import join_first
from calypso_mcp.domain.unicode_forms import normalize
from calypso_mcp.domain.untrusted_text import clean_line
from calypso_mcp.errors import InputError, NotFound, OutOfTime
from calypso_mcp.server.batches.batch_inputs import BatchInput, WalkedFolder
from calypso_mcp.server.calls.call_time import CallTime
from calypso_mcp.server.scope.request_scope import Access

#: More than this are removed only after the user agreed.
MOST_UNASKED: Final = 10
_MOST_NAMED: Final = 5
_NAME_CHARS: Final = 80
#: Common names, such as README.md, make many folders look as if they had been sent alone.
_MOST_SUBFOLDERS: Final = 10


async def require_removal(access: Access) -> None:
    """Check that the backend can remove sources.

    Raises:
        InputError: It cannot.
    """
    if not {Extension.SOURCES, Extension.REMOVE} <= await access.backend.abilities():
        raise InputError(
            "This backend cannot remove sources, so remove_missing is not possible.",
            code="not_supported",
            hint="Leave remove_missing out; sources whose files are gone from the folder stay searchable.",
        )


async def find_missing(access: Access, folder: WalkedFolder, inputs: Sequence[BatchInput]) -> list[Source]:
    """Return the sources of the folder's bucket that came from the folder and are gone from it, by name."""
    if folder.bucket_id is None:
        return []
    present = {_same_form(item.path) for item in inputs}
    files = [
        source async for source in access.client.sources.every(folder.bucket_id) if source.kind == "file"
    ]
    names = {source.id: _same_form(source.name) for source in files}
    below, held = find_subfolders([item.path for item in inputs], set(names.values()))
    origins = {
        source.id: list_gone_paths(
            folder.base, source.name, present, [] if names[source.id] in held else below
        )
        for source in files
    }
    known = await access.client.uploads.sent_from(origins, folder.bucket_id)
    return [source for source in files if source.id in known]


def find_subfolders(paths: Iterable[str], names: Collection[str]) -> tuple[list[str], set[str]]:
    """Return the folders of `paths` whose files have names that begin at them: those with most files first.

    Also returns these names, of all such folders: one of the files may be the source that has its name.
    """
    found = [
        ("/".join(parts[:depth]), name)
        for parts in (path.split("/") for path in paths)
        for depth in range(1, len(parts))
        if (name := _same_form("/".join(parts[depth:]))) in names
    ]
    counts = Counter(folder for folder, _ in found)
    return [folder for folder, _ in counts.most_common(_MOST_SUBFOLDERS)], {name for _, name in found}


def list_gone_paths(base: str, name: str, present: set[str], below: Iterable[str] = ()) -> list[str]:
    """Return where in the folder `base` a source called `name` may come from that does not hold it any more.

    A name begins at the folder that the file was sent with: at `base`, above it with the way down to it, or
    at one of the folders `below`. A file that is at one of these may be the source itself.
    """
    way, parts, plain = _same_form(base).split("/"), name.split("/"), _same_form(name).split("/")
    gone = [
        f"{base}/{'/'.join(parts[above:])}"
        for above in range(len(parts))
        if (not above or way[-above:] == plain[:above]) and _is_gone(plain[above:], present)
    ]
    inner = [f"{folder}/{name}" for folder in below]
    if all(_is_gone(_same_form(path).split("/"), present) for path in (name, *inner)):
        gone += [f"{base}/{path}" for path in inner]
    return gone


def removal_to_confirm(folder: WalkedFolder, missing: Sequence[Source]) -> str | None:
    """Return the removal as the question names it; None if it is small enough to need no question."""
    if len(missing) <= MOST_UNASKED and not (folder.is_empty and missing):
        return None
    named = join_first(missing, _MOST_NAMED, lambda source: repr(clean_line(source.name, _NAME_CHARS)))
    return f"remove {len(missing)} sources from {folder.slug} that are no longer in the folder: {named}"


async def remove_missing(
    access: Access, folder: WalkedFolder, missing: Iterable[Source], time: CallTime
) -> list[Source]:
    """Remove sources as far as the time allows; returns those that are gone."""
    removed: list[Source] = []
    with suppress(OutOfTime), time.limited():
        for source in missing:
            with suppress(NotFound):
                await access.client.sources.remove(source.id, bucket=folder.bucket_id)
            removed.append(source)
    access.backend.catalogue.forget()
    return removed


def _is_gone(parts: Sequence[str], present: set[str]) -> bool:
    """Whether neither the file with this path nor a folder above it is among the inputs."""
    return not any("/".join(parts[:count]) in present for count in range(1, len(parts) + 1))


def _same_form(path: str) -> str:
    return normalize("NFC", path).rstrip("/")
