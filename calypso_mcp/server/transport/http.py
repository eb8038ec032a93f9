"""MCP over streamable HTTP: stateless, so that any number of workers serve the same callers alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mcp.server.mcpserver import MCPServer
from mcp.server.transport_security import TransportSecuritySettings
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from calypso_mcp.domain.addresses import is_loopback
from calypso_mcp.errors import ConfigError, InputError
from calypso_mcp.server.access.answers import refusal
from calypso_mcp.server.access.gate import AccessControl
from calypso_mcp.server.access.limits import HttpLimits, wrap
from calypso_mcp.server.access.oauth.protected_resource import MCP_PATH, ProtectedResource
from calypso_mcp.server.metrics import Metrics
from calypso_mcp.server.scope.narrowing import check_headers, read_limits
from calypso_mcp.server.transport.handshake_requests import HandshakeRequests
from calypso_mcp.server.transport.page_routes import PREFIX

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

_LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")


@dataclass(frozen=True, slots=True)
class HttpPolicy:
    """How the server is reached over HTTP.

    Attributes:
        host: Address it is bound to; decides whether anyone but this machine can reach it.
        allowed_hosts: Values of the Host header to accept, as `name` (with any port or none) or `name:port`.
        allowed_origins: Values of the Origin header to accept, as `https://name` or `http://name:*`.
        limits: What one request may cost.
        control: How callers prove who they are; None where reaching the port is enough.
        routes: Routes beside MCP, behind the same checks.
        front: What stands before the login, behind the checks of Host and Origin: puts a page before an app.
        metrics: Where answers are counted; None counts nothing.
    """

    host: str = "127.0.0.1"
    allowed_hosts: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    limits: HttpLimits = field(default_factory=HttpLimits)
    control: AccessControl | None = None
    routes: tuple[BaseRoute, ...] = ()
    front: Callable[[ASGIApp], ASGIApp] | None = None
    metrics: Metrics | None = None


def create_http_app(server: MCPServer[Any], policy: HttpPolicy) -> ASGIApp:
    """Return the ASGI app that serves `server`; its lifespan runs the server.

    Raises:
        ConfigError: The address is open to other machines without credentials or allowed hosts.
    """
    _check(policy)
    security = security_of(policy)
    app = server.streamable_http_app(
        streamable_http_path=MCP_PATH,
        stateless_http=True,
        json_response=False,
        max_request_body_size=policy.limits.body.size_bytes,
        transport_security=security,
        host=policy.host,
    )
    for route in list(app.router.routes):
        # Without sessions nothing is ever sent on the stream a GET would open and hold, in either era.
        if isinstance(route, Route) and route.path == MCP_PATH:
            app.router.routes.remove(route)
            endpoint = HandshakeRequests(route.endpoint, server, policy.limits.silence_s)
            paths = (MCP_PATH, f"{MCP_PATH}/")
            app.router.routes += [Route(path, endpoint, methods=["POST"]) for path in paths]
    # A redirect would name the scheme of the last hop, and so send a token on over plain http.
    app.router.redirect_slashes = False
    app.add_exception_handler(404, _find_nothing)
    app.router.routes.extend(policy.routes)
    if policy.control is not None:
        app.router.routes.append(policy.control.resource.route())
    resource = policy.control.resource if policy.control is not None else ProtectedResource()
    readable = ReadableNarrowing(app, credential_header=resource.header)
    return wrap(
        readable,
        policy.limits,
        security=security,
        control=policy.control,
        front=policy.front,
        metrics=policy.metrics,
    )


def security_of(policy: HttpPolicy) -> TransportSecuritySettings:
    """Return the Host and Origin headers to accept on every route; always explicit, never off."""
    # Clients write names in small letters, whatever was typed.
    hosts = [form for host in policy.allowed_hosts for form in (host.lower(), f"{host.lower()}:*")]
    origins = [origin.lower() for origin in policy.allowed_origins]
    if is_loopback(policy.host):
        for name in _LOOPBACK_NAMES:
            hosts += [name, f"{name}:*"]
            origins += [f"http://{name}", f"http://{name}:*"]
    return TransportSecuritySettings(
        enable_dns_rebinding_protection=True, allowed_hosts=hosts, allowed_origins=origins
    )


async def _find_nothing(_request: Request, _error: Exception) -> PlainTextResponse:
    return PlainTextResponse(f"There is no page here. MCP is at {MCP_PATH}.", 404)


def _check(policy: HttpPolicy) -> None:
    if is_loopback(policy.host):
        return
    if policy.control is None:
        raise ConfigError(
            f"--host {policy.host} (CALYPSO_HTTP_HOST) lets other machines in without a login.",
            hint="Name an access file or an OAuth issuer, or bind to 127.0.0.1 behind a proxy that logs in.",
        )
    if not policy.allowed_hosts:
        raise ConfigError(
            f"--host {policy.host} (CALYPSO_HTTP_HOST) needs the host names callers use.",
            hint="Name them with --allowed-host (CALYPSO_ALLOWED_HOSTS), for example mcp.example.com.",
        )


class ReadableNarrowing:
    """Passes on requests to MCP and of the page whose narrowing can be read, and all other requests."""

    def __init__(self, app: ASGIApp, *, credential_header: str) -> None:
        """Protect `app`; `credential_header` holds the credential and is never taken for narrowing."""
        self._app = app
        self._credential_header = credential_header

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 400 with what to write, or pass the request on."""
        path = scope["path"] if scope["type"] == "http" else ""
        is_mcp = path.rstrip("/") == MCP_PATH
        if is_mcp or path.startswith(f"{PREFIX}/"):
            headers = Headers(scope=scope)
            query = scope["query_string"].decode("latin-1") if is_mcp else ""
            try:
                read_limits(query, headers.items())
                check_headers(headers.keys(), credential_header=self._credential_header)
            except InputError as error:
                await refusal(400, error.code, f"{error.message} {error.hint}")(scope, receive, send)
                return
        await self._app(scope, receive, send)
