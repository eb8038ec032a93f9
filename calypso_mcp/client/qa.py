"""Questions with their answers: members of their own where the backend keeps such, else small files."""

from __future__ import annotations

from dataclasses import replace

from calypso_mcp.api import paths
from calypso_mcp.api.connection import Extension
from calypso_mcp.api.qa import AddQa, QaPair
from calypso_mcp.api.states import state_of_made
from calypso_mcp.client.connection import Connection
from calypso_mcp.client.transport.requester import Requester
from calypso_mcp.client.transport.sources import BytesSource
from calypso_mcp.client.uploading.upload import Upload
from calypso_mcp.client.uploading.uploads import Uploads
from calypso_mcp.domain.qa import as_markdown, qa_filename
from calypso_mcp.domain.states.file_state import FileState
from calypso_mcp.domain.uploads.declaration import Declaration, idempotency_key


class Qa:
    """`/knowledge/qa`. Errors: see `Requester.post`."""

    def __init__(self, requester: Requester, connection: Connection, uploads: Uploads) -> None:
        self._requester = requester
        self._connection = connection
        self._uploads = uploads

    async def add(self, question: str, answer: str, declared: Declaration) -> FileState:
        """Keep `answer`, text or Markdown, under `question`; the same question again replaces it.

        Of what is `declared`, destination and tags count; the rest follows from the question.
        Where the backend keeps no questions, it is a Markdown file, and an earlier answer stays beside it.
        """
        if Extension.QA not in await self._connection.extensions():
            text = as_markdown(question, answer).encode()
            file = replace(declared, filename=qa_filename(question), title=" ".join(question.split())[:300])
            return await self._uploads.upload(Upload(BytesSource(text), file))
        destination = declared.destination
        body = AddQa(
            question=question,
            answer=answer,
            tags=declared.tags or None,
            bucket_ids=destination.bucket_ids,
            bucket=destination.bucket,
            create_missing_buckets=destination.create_missing_buckets,
        )
        key = idempotency_key("qa", body.to_wire())
        made = await self._requester.post(paths.QA, QaPair, body, idempotency_key=key, creates=True)
        return state_of_made(made.body, replayed=made.replayed)
