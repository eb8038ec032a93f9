"""The page in front of an application: its files, signing in, and the API with a session's credential."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from calypso_mcp.page.same_origin import is_known_host, is_own_request
from calypso_mcp.page.sessions import SESSION_S, Sessions

STATIC = Path(__file__).with_name("static")
#: The path segment of a session, below `api/`. Browsers send a cookie to every port of its host, so that only
#: a path that cannot be guessed keeps it from the other programs that serve there (RFC 6265, section 8.5).
_SEGMENT = re.compile(r"s\.[A-Za-z0-9_-]{22}")
_LARGEST_SIGN_IN = 16_384
_SIGN_IN_S = 10.0
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
        "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class PagePlace:
    """Where the page is and which API it reaches.

    Attributes:
        base: Path of the page, with a slash at its end.
        api: Prefix of the paths that the page asks for: `/v1/` for the REST API, `/` for MCP.
        allowed_hosts: Names beside this machine's own that the Host header may have; None if that has
            been checked before.
        is_https: Whether people reach the page over https though the last hop before us may not use it.
    """

    base: str
    api: str
    allowed_hosts: tuple[str, ...] | None = None
    is_https: bool = False


class PageGate:
    """Serves the page at its place and passes everything else on as it is.

    Requests below `{base}api/{segment}/` reach the application with the credential of the session in place
    of the cookie. Only our own page can make them, and the cookie is sent nowhere else. The page learns the
    segment when it signs in; no other program of this host can read the cookie or set one that counts.
    """

    def __init__(
        self,
        app: ASGIApp,
        place: PagePlace,
        sessions: Sessions,
        about: Callable[[Request], Mapping[str, Any]],
        pace: Callable[[], Awaitable[None]] = anyio.lowlevel.checkpoint,
    ) -> None:
        """Put the page before `app`, which answers the API.

        `about` returns what the page tells a person who is signed in, as JSON. `pace` is awaited before each
        answer to callers without a session, too, so that a flood takes no time from known callers.
        """
        self._app = app
        self._place = place
        self._sessions = sessions
        self._about = about
        self._pace = pace
        base = place.base
        self._page = Starlette(
            routes=[
                Route(base, _index, methods=["GET"]),
                Route(f"{base}api/session", self._session, methods=["GET", "POST", "DELETE"]),
                Mount(f"{base}api", app=self._pass_on),
                Mount(f"{base}page", app=StaticFiles(directory=STATIC)),
            ]
        )
        self._page.router.redirect_slashes = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer what belongs to the page; pass on the rest."""
        base = self._place.base
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["path"] == base.rstrip("/"):
            await RedirectResponse(base)(scope, receive, send)
        elif scope["path"] == base or scope["path"].startswith((f"{base}api/", f"{base}page/")):
            await self._answer(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers, allowed = Headers(scope=scope), self._place.allowed_hosts
        is_api = scope["path"].startswith(f"{self._place.base}api/")
        refused = None
        if allowed is not None and not is_known_host(headers.get("host", ""), allowed):
            refused = _refusal(421, "misdirected_request", "This server does not serve that host name.")
        elif is_api and not is_own_request(scope["method"], headers):
            refused = _refusal(403, "forbidden_origin", "Only the page itself may send this request.")
        if refused is not None or not is_api:
            await self._pace()
        if refused is not None:
            await refused(scope, receive, send)
            return

        async def protected(message: Message) -> None:
            if message["type"] == "http.response.start":
                sent = MutableHeaders(scope=message)
                sent.update(_HEADERS)
                # Files are asked for again each time and answered by 304: an update shows at once.
                sent["Cache-Control"] = "no-store" if is_api else "no-cache"
            await send(message)

        await self._page(self._below_segment(scope) if is_api else scope, receive, protected)

    def _below_segment(self, scope: Scope) -> Scope:
        """Return `scope` with the session's segment apart from the path; empty without a segment."""
        api = f"{self._place.base}api/"
        segment, _, path = scope["path"].removeprefix(api).partition("/")
        if not _SEGMENT.fullmatch(segment):
            return {**scope, "page_segment": ""}
        return {**scope, "path": api + path, "page_segment": segment}

    async def _session(self, request: Request) -> Response:
        await self._pace()
        if request.method == "POST":
            return await self._sign_in(request)
        if request.method == "DELETE":
            answer = JSONResponse({"signed_in": False})
            if segment := request.scope["page_segment"]:
                path = self._cookie_path(segment)
                answer.delete_cookie(_cookie_name(segment), path=path, httponly=True, samesite="strict")
            return answer
        signed_in = await self._sessions.headers(_cookie(request)) is not None
        about: Mapping[str, Any] = self._about(request) if signed_in else {}
        return JSONResponse({"signed_in": signed_in, "asks_for": self._sessions.asks_for, **about})

    async def _sign_in(self, request: Request) -> Response:
        body = bytearray()
        with anyio.move_on_after(_SIGN_IN_S):
            async for piece in request.stream():
                body += piece
                if len(body) > _LARGEST_SIGN_IN:
                    return _refusal(413, "request_too_large", "That is too long to sign in with.")
        try:
            given = json.loads(bytes(body))["given"]
        except (ValueError, KeyError, TypeError, RecursionError):
            given = None
        cookie = await self._sessions.begin(given) if isinstance(given, str) else None
        if cookie is None:
            return _refusal(401, "not_signed_in", "It is wrong, already used, or expired.")
        segment = f"s.{secrets.token_urlsafe(16)}"
        answer = JSONResponse({"signed_in": True, "segment": segment})
        answer.set_cookie(
            _cookie_name(segment),
            cookie,
            max_age=SESSION_S,
            path=self._cookie_path(segment),
            secure=self._place.is_https or request.url.scheme == "https",
            httponly=True,
            samesite="strict",
        )
        return answer

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        credential = await self._sessions.headers(_cookie(request))
        if credential is None:
            await self._pace()
            await _refusal(401, "not_signed_in", "Sign in first.")(scope, receive, send)
            return
        headers = MutableHeaders(raw=list(scope["headers"]))
        del headers["cookie"]
        headers.update(credential)
        path = self._place.api + scope["path"].removeprefix(f"{self._place.base}api/")
        passed = {name: value for name, value in scope.items() if name not in {"raw_path", "path_params"}}
        await self._app(
            {**passed, "path": path, "root_path": "", "headers": headers.raw, "app_root_path": ""},
            receive,
            send,
        )

    def _cookie_path(self, segment: str) -> str:
        return f"{self._place.base}api/{segment}"


async def _index(_: Request) -> Response:
    return FileResponse(STATIC / "index.html")


def _cookie_name(segment: str) -> str:
    """Return a name that other programs of this host cannot give to a cookie of theirs."""
    return f"calypso_page_{segment}"


def _cookie(request: Request) -> str:
    segment = request.scope["page_segment"]
    return request.cookies.get(_cookie_name(segment), "") if segment else ""


def _refusal(status: int, code: str, message: str) -> Response:
    return JSONResponse({"error": {"code": code, "message": message}}, status)
