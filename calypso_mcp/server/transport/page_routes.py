"""The page's routes beyond the tools: sorted lists, scores, labels, originals, addresses for files.

Tools are made for models. These routes do for a person what tools do, behind the same login, within the same
scope, and only where the operator offers the tool that does it for a model.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated, TypeVar
from urllib.parse import quote

from pydantic import BaseModel, Field, StringConstraints, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from calypso_mcp.api.connection import Extension
from calypso_mcp.api.search import SearchRequest
from calypso_mcp.api.sources import RelabelSource, SourcesQuery
from calypso_mcp.domain.uploads.declaration import Declaration, IfExists
from calypso_mcp.domain.uploads.upload_rules import split_name
from calypso_mcp.errors import CalypsoError, InputError, ScopeError
from calypso_mcp.server.access.answers import failure
from calypso_mcp.server.access.credentials import grant_of_http
from calypso_mcp.server.one_time.one_time_uploads import OneTimeUploads
from calypso_mcp.server.scope.bucket_search import score_of, search_buckets
from calypso_mcp.server.scope.destinations import find_version_rule
from calypso_mcp.server.scope.narrowing import read_limits
from calypso_mcp.server.scope.request_scope import Access
from calypso_mcp.server.scope.scoped_lookup import require_file
from calypso_mcp.server.state import ServerState
from calypso_mcp.server.tools.search import require_searched, show_hits
from calypso_mcp.server.tools.sources import SourceCard, name_of, source_page
from calypso_mcp.server.tools.uploads import issue_address, prepare_target
from calypso_mcp.server.transport.downloads import Download, Downloads

PREFIX = "/page"
_NO_STORE = {"Cache-Control": "no-store"}

M = TypeVar("M", bound=BaseModel)
#: Does the work of a route for a caller.
Work = Callable[[Access, Request], Awaitable[Response]]


class SearchWanted(BaseModel):
    """Body of `POST /page/search`; without `buckets` all in reach are searched."""

    query: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]
    buckets: list[str] = []
    max_results: Annotated[int, Field(ge=1, le=20)] = 10


class AddressWanted(BaseModel):
    """Body of `POST /page/uploads`: the file that is about to be sent, and to which bucket."""

    bucket: str
    path: str
    if_exists: IfExists = "replace"


def page_routes(state: ServerState, uploads: OneTimeUploads, tools: frozenset[str]) -> list[Route]:
    """Return the routes."""
    page = PageEndpoints(uploads, tools)
    source = PREFIX + "/sources/{file_id}"

    def route(path: str, method: str, work: Work) -> Route:
        async def answer(request: Request) -> Response:
            try:
                # The queries of these routes are their own: a proxy narrows them with headers.
                asked = tuple(read_limits("", request.headers.items()))
                return await work(Access(state, grant_of_http(request), asked), request)
            except CalypsoError as error:
                return failure(error)

        return Route(path, answer, methods=[method])

    return [
        route(f"{PREFIX}/abilities", "GET", page.abilities),
        route(f"{PREFIX}/sources", "GET", page.list),
        route(f"{PREFIX}/search", "POST", page.search),
        route(source, "PATCH", page.relabel),
        route(f"{source}/content", "GET", page.content),
        route(f"{source}/pages/{{page}}/picture", "GET", page.picture),
        route(f"{PREFIX}/uploads", "POST", page.address),
    ]


class PageEndpoints:
    """The endpoints of one server."""

    def __init__(self, uploads: OneTimeUploads, tools: frozenset[str]) -> None:
        """Hand out addresses of `uploads`; do only what one of `tools` does."""
        self._downloads = Downloads()
        self._uploads = uploads
        self._tools = tools

    async def abilities(self, access: Access, _: Request) -> Response:
        """Answer with what this caller can do here beyond calling tools."""
        known = await access.backend.abilities()
        may_change = self._may_change(access)
        can = {
            "sort": Extension.SOURCES in known,
            "download": Extension.READ in known and "read_source" in self._tools,
            "pictures": Extension.PICTURES in known and "read_source" in self._tools,
            "relabel": Extension.RELABEL in known and may_change,
            "replace": Extension.REPLACE in known,
        }
        return JSONResponse(can, headers=_NO_STORE)

    async def list(self, access: Access, request: Request) -> Response:
        """Answer with sources of a bucket, in any order, as the tool does."""
        self._require("list_sources")
        asked = _read(SourcesQuery, dict(request.query_params))
        bucket = await access.require_bucket(asked.bucket)
        asked = asked.model_copy(update={"query": (asked.query or "").strip()})
        return JSONResponse((await source_page(access, bucket, asked)).facts(), headers=_NO_STORE)

    async def search(self, access: Access, request: Request) -> Response:
        """Answer with the passages that the tool finds, uncut, and their scores, which no model needs."""
        self._require("search_bucket")
        wanted = _read(SearchWanted, await request.body())
        asked = SearchRequest(query=wanted.query, max_results=wanted.max_results)
        buckets = await require_searched(access, wanted.buckets)
        outcome = await search_buckets(access, asked, buckets)
        found = (await show_hits(access, wanted.query, outcome, buckets, "full")).facts()
        for hit, entry in zip(found["hits"], outcome.found, strict=True):
            hit["score"] = score_of(entry.result)
        return JSONResponse(found, headers=_NO_STORE)

    async def relabel(self, access: Access, request: Request) -> Response:
        """Change the tags or the title of a source, all of whose buckets are in scope."""
        if not self._may_change(access):
            raise _not_here()
        labels = _read(RelabelSource, await request.body())
        declared = Declaration(title=labels.title, tags=labels.tags or (), metadata=labels.metadata)
        declared.check_labels()
        seen = await require_file(access, request.path_params["file_id"])
        whole = await access.client.files.get(seen.id)
        if len(whole.bucket_sync) != len(seen.bucket_sync):
            raise _not_here()
        changed = await access.client.sources.relabel(seen.id, labels)
        return JSONResponse(SourceCard.of(changed).facts(), headers=_NO_STORE)

    async def content(self, access: Access, request: Request) -> Response:
        """Answer with a source's bytes as they were uploaded."""
        self._require("read_source")
        file = await require_file(access, request.path_params["file_id"])
        name = file.filename or name_of(file)
        headers = {
            **_NO_STORE,
            "Content-Disposition": f"attachment; filename*=utf-8''{quote(name, safe='')}",
            "X-Content-Type-Options": "nosniff",
        }
        read = partial(access.client.sources.content, file.id)
        return Download(self._downloads, access.grant.name, read, headers)

    async def picture(self, access: Access, request: Request) -> Response:
        """Answer with what a page of a PDF looks like."""
        self._require("read_source")
        file = await require_file(access, request.path_params["file_id"])
        read = partial(access.client.sources.picture, file.id, request.path_params["page"])
        headers = {**_NO_STORE, "X-Content-Type-Options": "nosniff"}
        return Download(self._downloads, access.grant.name, read, headers, "image/png")

    async def address(self, access: Access, request: Request) -> Response:
        """Answer with a one-time address for a file."""
        if not self._may_change(access):
            raise _not_here()
        wanted = _read(AddressWanted, await request.body())
        path, filename = split_name(wanted.path)
        rule = await find_version_rule(access, wanted.if_exists)
        target = await prepare_target(access, wanted.bucket, filename, create=False)
        declared = Declaration(filename, target.destination, path=path, if_exists=rule)
        issued = await issue_address(access, self._uploads, request, declared)
        answer = {"url": issued.url, "upload_id": issued.upload_id, "expires_at": issued.expires_at}
        return JSONResponse(answer, headers=_NO_STORE)

    def _may_change(self, access: Access) -> bool:
        return "upload_file" in self._tools and not access.grant.read_only

    def _require(self, tool: str) -> None:
        if tool not in self._tools:
            raise _not_here()


def _read(model: type[M], given: object) -> M:
    """Parse a query or a body."""
    try:
        return model.model_validate_json(given) if isinstance(given, bytes) else model.model_validate(given)
    except ValidationError as error:
        names = ", ".join(sorted({".".join(map(str, detail["loc"])) or "body" for detail in error.errors()}))
        raise InputError(f"The request is invalid: check {names}.", code="invalid_arguments") from None


def _not_here() -> ScopeError:
    return ScopeError("This server does not allow this.", code="permission_denied", hint="Ask the operator.")
