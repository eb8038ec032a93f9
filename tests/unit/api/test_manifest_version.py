"""The version of a batch's manifest, as strict as every number in a body."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from calypso_mcp.api.batches import Manifest


def manifest(version: str) -> str:
    return json.dumps({"version": "?", "batch_idempotency_key": "key", "items": []}).replace('"?"', version)


def test_version_one_is_read() -> None:
    assert Manifest.model_validate_json(manifest("1")).version == 1


@pytest.mark.parametrize("version", ["true", "1.0", '"1"', "2", "0", "null"])
def test_what_only_resembles_it_is_refused(version: str) -> None:
    with pytest.raises(ValidationError):
        Manifest.model_validate_json(manifest(version))
