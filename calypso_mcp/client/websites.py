"""Sources that Calypso makes: of a URL, a web page or a file on the web, or of a question with its answer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from calypso_mcp.api import paths
from calypso_mcp.api.connection import Extension
from calypso_mcp.api.states import state_of_made
from calypso_mcp.api.websites import AddQa, AddWebsite, FetchedSource, ImportUrl, QaPair, write_tags
from calypso_mcp.client.connection import Connection
from calypso_mcp.client.transport.requester import ApiAnswer, Requester
from calypso_mcp.client.transport.sources import BytesSource
from calypso_mcp.client.uploading.upload import Upload
from calypso_mcp.client.uploading.uploads import Uploads
from calypso_mcp.domain.qa import as_markdown, qa_filename
from calypso_mcp.domain.states.file_state import FileState
from calypso_mcp.domain.uploads.declaration import Declaration, idempotency_key


class Websites:
    """`/knowledge/websites` and `/knowledge/files/import-url`. Errors: see `Requester.send`."""

    def __init__(self, requester: Requester) -> None:
        self._requester = requester

    async def add(self, url: str, declared: Declaration, *, replaces: bool = False) -> FileState:
        """Have one public web page read into the buckets that are declared.

        Args:
            url: The page; https where it names no scheme.
            declared: Destination, title and tags; the rest is not sent.
            replaces: Read a page that is there already again; for backends that announce `replace`.

        Raises:
            Conflict: The page is there already (`website_url_exists`).
            InvalidRequest: The URL must not or cannot be read (`url_fetch_blocked`, `url_fetch_failed`).
            TooLarge: It leads to more than one source may hold.
        """
        fields: dict[str, Any] = {"url": url, "title": declared.title, "tags_hint": write_tags(declared.tags)}
        body = AddWebsite(**fields, **_destination(declared), if_exists="replace" if replaces else None)
        answer = await self._post(paths.WEBSITES, body)
        return state_of_made(answer.body, replayed=answer.replayed)

    async def import_file(self, url: str, declared: Declaration, *, replaces: bool = False) -> FileState:
        """Have one file of the public web stored; arguments and errors as for `add`."""
        fields: dict[str, Any] = {"url": url, "title": declared.title, "tags": write_tags(declared.tags)}
        body = ImportUrl(**fields, **_destination(declared), if_exists="replace" if replaces else None)
        answer = await self._post(paths.IMPORT_URL, body)
        made = state_of_made(answer.body, replayed=answer.replayed)
        return replace(made, name=answer.body.filename or answer.body.title)

    async def _post(self, path: str, body: AddWebsite | ImportUrl) -> ApiAnswer[FetchedSource]:
        key = idempotency_key(path, body.to_wire())
        return await self._requester.send(
            "POST", path, FetchedSource, body, idempotency_key=key, creates=True
        )


def _destination(declared: Declaration) -> dict[str, Any]:
    """Return the destination; the one slug that may be made goes into the list that both endpoints take."""
    destination = declared.destination
    slugs = (*(destination.bucket_slugs or ()), *((destination.bucket,) if destination.bucket else ()))
    return {
        "bucket_ids": destination.bucket_ids,
        "bucket_slugs": slugs or None,
        "create_missing_buckets": destination.create_missing_buckets,
    }


class Qa:
    """`/knowledge/qa`. Errors: see `Requester.send`."""

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
        made = await self._requester.send("POST", paths.QA, QaPair, body, idempotency_key=key, creates=True)
        return state_of_made(made.body, replayed=made.replayed)
