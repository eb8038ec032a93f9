"""The create request of a batch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict

from calypso_mcp.api.batches import BatchFile, CreateBatch, Manifest, ManifestItem
from calypso_mcp.client.uploading.preparation import Prepared
from calypso_mcp.domain.uploads.declaration import Destination, batch_key


def build_request(items: Mapping[str, Prepared]) -> CreateBatch:
    """Return the create request: equal for equal files, whatever order they came in."""
    ids = sorted(items)
    shared = _shared_destination(items[client_id].declaration.destination for client_id in ids)
    return CreateBatch(
        manifest=Manifest(
            **asdict(shared or Destination()),
            batch_idempotency_key=batch_key(ids),
            items=tuple(_item(client_id, items[client_id], routed=shared is None) for client_id in ids),
        ),
        files=tuple(
            BatchFile(
                client_file_id=client_id,
                filename=items[client_id].declaration.filename,
                content_type=items[client_id].declaration.media_type,
                size_bytes=items[client_id].size_bytes,
            )
            for client_id in ids
        ),
    )


def _item(client_file_id: str, prepared: Prepared, *, routed: bool) -> ManifestItem:
    fields = ManifestItem.fields_of(prepared.declaration, routed=routed)
    return ManifestItem(client_file_id=client_file_id, **fields)


def _shared_destination(destinations: Iterable[Destination]) -> Destination | None:
    distinct = list(dict.fromkeys(destinations))
    return distinct[0] if len(distinct) == 1 else None
