"""Run the published `curl` lines of the Calypso API word for word against `calypso-mcp backend`.

    python examples/curl_walkthrough.py

It replaces only the host, the key and the path of the file. Calypso publishes the requests that create upload
sessions as JSON bodies without a `curl` line; the program sends these with `curl` as well.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

KEY = "sk_walkthrough"

LIST_BUCKETS = """\
curl https://api.calypso.so/v1/knowledge/buckets \\
  -H "Authorization: Bearer sk_..."
"""
PUT_BYTES = """\
curl -X PUT "$UPLOAD_URL" \\
-H "Content-Type: application/pdf" \\
-H "Content-Range: bytes 0-184232/184233" \\
--data-binary @/absolute/path/to/contract.pdf
"""
FINALIZE = """\
curl -X POST "https://api.calypso.so/v1/knowledge/files/upload-session/$SESSION_ID/finalize" \\
-H "Authorization: Bearer sk_..." \\
-H "Content-Type: application/json" \\
-d '{}'
"""
FINALIZE_BATCH = """\
curl -X POST "https://api.calypso.so/v1/knowledge/files:batch/upload-session/$BATCH_ID/finalize" \\
-H "Authorization: Bearer sk_..." \\
-H "Content-Type: application/json" \\
-d '{"mode":"finalize_uploaded"}'
"""
SESSION = """\
{
"filename": "contract.pdf",
"content_type": "application/pdf",
"size_bytes": 184233,
"title": "Customer Contract",
"tags": ["legal", "customer"],
"metadata": { "external_id": "crm_123" },
"bucket": "contracts",
"create_missing_buckets": true
}
"""
BATCH = """\
{
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
}
"""
FILE_BYTES = 184_233


class Shell:
    """Runs published lines with host, key and file path replaced, and variables set."""

    def __init__(self, origin: str, contract: Path) -> None:
        """Keep what stands in for the published placeholders."""
        self._replacements = {
            "https://api.calypso.so": origin,
            "sk_...": KEY,
            "/absolute/path/to/contract.pdf": str(contract),
        }

    def run(self, line: str, **variables: str) -> Any:
        """Run a line and return the JSON it prints; anything but success is an error."""
        for published, ours in self._replacements.items():
            line = line.replace(published, ours)
        line = line.replace("curl ", "curl --fail-with-body --silent --show-error ", 1)
        done = subprocess.run(
            ["bash", "-c", line],  # noqa: S607 - as the reader's own shell would find it
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        if done.returncode:
            raise RuntimeError(f"{line}\n{done.stdout}{done.stderr}")
        return json.loads(done.stdout) if done.stdout.strip() else None

    def post(self, path: str, body: str) -> Any:
        """Send a published JSON body."""
        return self.run(
            f'curl -X POST "https://api.calypso.so/v1/knowledge/{path}" -H "Authorization: Bearer sk_..." '
            '-H "Content-Type: application/json" -d "$BODY"',
            BODY=body,
        )

    def get(self, path: str) -> Any:
        """Poll."""
        return self.run(
            f'curl "https://api.calypso.so/v1/knowledge/{path}" -H "Authorization: Bearer sk_..."'
        )

    def wait_for_sync(self, file_id: str) -> dict[str, Any]:
        """Ask for a file's status until it is searchable."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            status = self.get(f"files/{file_id}")
            if status.get("bucketSyncStatus") == "active":
                return status
            if status["status"] == "failed":
                raise RuntimeError(status)
            time.sleep(0.2)
        raise TimeoutError(file_id)


def contract_pdf(text: str) -> bytes:
    """Return a one-page PDF of exactly the published size; the padding is a comment."""
    page = f"BT /F1 14 Tf 72 720 Td ({text}) Tj ET".encode()
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources 6 0 R >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(page), page),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        b"<< /Font << /F1 5 0 R >> >>",
    ]
    body = b"%PDF-1.4\n"
    offsets: list[int] = []
    for number, content in enumerate(objects, start=1):
        offsets.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    entries = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    table = b"xref\n0 %d\n0000000000 65535 f \n%s" % (len(objects) + 1, entries)
    trailer = b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n"
    padding = FILE_BYTES - len(body) - len(table) - len(trailer % (len(objects) + 1, FILE_BYTES)) - 2
    body += b"%" + b"." * padding + b"\n"
    return body + table + trailer % (len(objects) + 1, len(body))


def walk_through(shell: Shell) -> None:
    """Single upload, then batch upload, each until it is searchable."""
    session = shell.post("files/upload-session", SESSION)
    assert session["upload_strategy"] == "gcs_resumable"
    shell.run(PUT_BYTES, UPLOAD_URL=session["upload_url"])
    file = shell.run(FINALIZE, SESSION_ID=session["session_id"])
    shell.wait_for_sync(file["id"])

    batch = shell.post("files:batch/upload-session", BATCH)
    assert batch["rejected"] == []
    [accepted] = batch["accepted"]
    shell.run(PUT_BYTES, UPLOAD_URL=accepted["upload_url"])
    finalized = shell.run(FINALIZE_BATCH, BATCH_ID=batch["batch_id"])
    assert finalized["status"] == "finalized"
    shell.wait_for_sync(finalized["finalized"][0]["knowledge_id"])
    assert shell.get(f"batches/{batch['batch_id']}?include_items=true")["status"] == "active"

    listing = shell.run(LIST_BUCKETS)
    for bucket in listing["buckets"]:
        print(f"{bucket['slug']}: {bucket['counts']['retrievable']} searchable")
    assert {bucket["slug"] for bucket in listing["buckets"]} == {"contracts", "rag1"}
    assert all(bucket["bucketStore"]["pending_member_count"] == 0 for bucket in listing["buckets"])


def main() -> None:
    """Start the embedded Calypso on a free port and walk through the lines."""
    with tempfile.TemporaryDirectory() as folder:
        contract = Path(folder) / "contract.pdf"
        contract.write_bytes(contract_pdf("The customer may cancel with 30 days of notice."))
        assert contract.stat().st_size == FILE_BYTES
        backend = subprocess.Popen(
            [sys.executable, "-m", "calypso_mcp", "backend", "--port", "0", "--data-dir", f"{folder}/data"],
            env={**os.environ, "CALYPSO_API_KEY": KEY},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert backend.stdout
        with backend.stdout:
            try:
                # Its first line: "Embedded Calypso: http://127.0.0.1:PORT/v1".
                base_url = backend.stdout.readline().split()[-1]
                walk_through(Shell(base_url.removesuffix("/v1"), contract))
            finally:
                backend.terminate()
                backend.wait(timeout=20)


if __name__ == "__main__":
    main()
