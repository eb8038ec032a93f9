"""Operations of the API: a method on a path, with what it asks for, bound in one place.

The tests describe the API by the same values that requests are routed and read by.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pkgutil import resolve_name
from typing import Any, get_type_hints

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from calypso_mcp.api.wire import WireModel
from calypso_mcp.local.backend import Backend
from calypso_mcp.local.http.exchange import Reply, read_body, read_query, respond

_ROUTES = "calypso_mcp.local.routes"


def a_little(_: object) -> tuple[int, ...]:
    """Return the growth of an operation that adds a few rows, or whose size is checked once it is known."""
    return ()


@dataclass(frozen=True)
class Operation:
    """One method of one path.

    Attributes:
        answerer: Its handler, as `module:function` below `local.routes`, which its first request imports.
        grows: The sizes in bytes of the files that are announced; None if the operation does not grow the
            store.
    """

    method: str
    path: str
    answerer: str
    grows: Callable[[Any], Iterable[int]] | None = None

    @cached_property
    def handler(self) -> Callable[..., Awaitable[Reply]]:
        """Takes the backend, the request and, where the operation asks for something, that.

        Its name is the operation's id, its docstring the description.
        """
        return resolve_name(f"{_ROUTES}.{self.answerer}")

    @cached_property
    def asks(self) -> type[WireModel] | None:
        """The shape of the body, or of the query string where the method has no body."""
        types = [kind for name, kind in get_type_hints(self.handler).items() if name != "return"]
        return types[2] if types[2:] else None

    @property
    def has_body(self) -> bool:
        """Whether `asks` describes the body rather than the query string."""
        return self.asks is not None and self.method not in {"GET", "DELETE"}

    async def carry_out(self, backend: Backend, request: Request) -> Reply:
        """Read what `request` asks and return what the handler answers.

        Raises:
            Refusal: It is not what `asks` describes (400), or would leave too little of the disk free (507).
        """
        if self.asks is None:
            return await self.handler(backend, request)
        if not self.has_body:
            return await self.handler(backend, request, read_query(request, self.asks))
        asked = await read_body(backend, request, self.asks)
        if self.grows is not None:
            await backend.check_room(*self.grows(asked))
        return await self.handler(backend, request, asked)


def routes(operations: Iterable[Operation]) -> list[Route]:
    """Return one route for each path, which knows all methods of it, with the more exact paths first.

    A wrong method is then answered with every right one (RFC 9110, section 15.5.6).
    """
    paths: dict[str, dict[str, Operation]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method] = operation
    return [
        Route(f"/v1{path}", _endpoint(methods), methods=list(methods))
        for path, methods in sorted(paths.items(), key=lambda entry: entry[0].count("{"))
    ]


def _endpoint(methods: Mapping[str, Operation]) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        return await respond(
            request, methods["GET" if request.method == "HEAD" else request.method].carry_out
        )

    return answer
