"""The curl lines of the seeds, word for word but for host and key."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from tests.support.live_backend import API_KEY, BOUND_S, options_for, serving

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")

JSON = '-H "Authorization: Bearer sk_..." -H "Content-Type: application/json"'
LIST = 'curl https://api.calypso.so/v1/knowledge/buckets \\\n  -H "Authorization: Bearer sk_..."'
CREATE = f"""curl -X POST "https://api.calypso.so/v1/knowledge/files/upload-session" {JSON} -d '%s'"""
UPLOAD = """curl -X PUT "$UPLOAD_URL" \\
-H "Content-Type: application/pdf" \\
-H "Content-Range: bytes 0-184232/184233" \\
--data-binary @/absolute/path/to/contract.pdf"""
FINALIZE = f"""curl -X POST "https://api.calypso.so/v1/knowledge/files/upload-session/$SESSION_ID/finalize" \\
{JSON} \\
-d '{{}}'"""
BATCHES = "https://api.calypso.so/v1/knowledge/files:batch/upload-session"
CREATE_BATCH = f"""curl -X POST "{BATCHES}" {JSON} -d '%s'"""
FINALIZE_BATCH = f"""curl -X POST "{BATCHES}/$BATCH_ID/finalize" \\
{JSON} \\
-d '{{"mode":"finalize_uploaded"}}'"""

SINGLE_BODY = """{
"filename": "contract.pdf",
"content_type": "application/pdf",
"size_bytes": 184233,
"title": "Customer Contract",
"tags": ["legal", "customer"],
"metadata": { "external_id": "crm_123" },
"bucket": "contracts",
"create_missing_buckets": true
}"""
BATCH_BODY = """{
"manifest": {
"version": 1,
"batch_idempotency_key": "local-batch-001",
"bucket": "rag1",
"create_missing_buckets": true,
"items": [
{
"client_file_id": "contract_pdf",
"filename": "contract.pdf",
"title": "Customer Contract"
}
]
},
"files": [
{
"client_file_id": "contract_pdf",
"filename": "contract.pdf",
"content_type": "application/pdf",
"size_bytes": 184233
}
]
}"""


@pytest.fixture
def origin(tmp_path: Path) -> Generator[str]:
    with serving(options_for(tmp_path / "data")) as served:
        yield served


@pytest.fixture
def contract(tmp_path: Path) -> Path:
    path = tmp_path / "contract.pdf"
    path.write_bytes(b"%PDF-1.7\n".ljust(184_233, b"%"))
    return path


def run(origin: str, command: str, **values: Any) -> dict[str, Any]:
    command = command.replace("https://api.calypso.so", origin).replace("sk_...", API_KEY)
    command = command.replace("/absolute/path/to/contract.pdf", str(values.pop("contract", "")))
    done = subprocess.run(
        ["sh", "-c", re.sub(r"^curl", "curl --silent --show-error --fail-with-body", command)],
        env={"PATH": "/usr/bin:/bin", "NO_PROXY": "*", **values},
        capture_output=True,
        text=True,
        timeout=BOUND_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def test_the_commands_of_the_single_upload_page_work(origin: str, contract: Path) -> None:
    session = run(origin, CREATE % SINGLE_BODY)
    assert set(session) == {"session_id", "upload_strategy", "upload_url", "expires_at", "request_id"}
    run(origin, UPLOAD, contract=contract, UPLOAD_URL=session["upload_url"])
    file = run(origin, FINALIZE, SESSION_ID=session["session_id"])
    assert (file["object"], file["status"]) == ("knowledge_file", "queued")


def test_the_commands_of_the_batch_page_work(origin: str, contract: Path) -> None:
    created = run(origin, CREATE_BATCH % BATCH_BODY)
    assert set(created) == {"batch_id", "upload_strategy", "accepted", "rejected", "request_id"}
    (accepted,) = created["accepted"]
    assert set(accepted) == {"client_file_id", "session_id", "upload_url", "expires_at"}
    run(origin, UPLOAD, contract=contract, UPLOAD_URL=accepted["upload_url"])
    done = run(origin, FINALIZE_BATCH, BATCH_ID=created["batch_id"])
    assert set(done) == {"batch_id", "status", "finalized", "pending", "failed", "replayed", "request_id"}
    assert set(done["finalized"][0]) == {"client_file_id", "session_id", "knowledge_id", "task_id"}


def test_the_command_that_lists_buckets_works(origin: str) -> None:
    run(origin, CREATE % SINGLE_BODY)
    (bucket,) = run(origin, LIST)["buckets"]
    seed = {"id", "slug", "name", "status", "memberCount", "counts", "bucketStore"}
    assert seed <= set(bucket)
    assert {"file", "website", "qa", "retrievable"} <= set(bucket["counts"])
    assert {"status", "indexed_member_count", "pending_member_count"} <= set(bucket["bucketStore"])
