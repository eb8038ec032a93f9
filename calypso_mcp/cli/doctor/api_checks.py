"""The hosted API: can it be reached, does it take the key, and do both clocks agree?"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from email.utils import parsedate_to_datetime

import httpx2

from calypso_mcp.assembly.backends import client_policies
from calypso_mcp.cli.doctor.findings import Finding, ok, problem
from calypso_mcp.errors import CalypsoError
from calypso_mcp.settings import Settings

#: Storages refuse signed upload addresses if clocks differ by more than about this.
_MOST_SKEW_S = 300
_WAIT_S = 10.0


async def check_api(settings: Settings) -> AsyncIterator[Finding]:
    """Yield what the API says to the operator's key; nothing is asked of an embedded Calypso."""
    if not settings.uses_hosted_api:
        yield ok("The embedded Calypso is in use: buckets live in the data folder, and no key is needed.")
        return
    url = settings.api_base_url
    if settings.api_key is None:
        yield ok(f"Callers bring their own keys to {url}.")
        return
    from calypso_mcp.client.key_checks import KeyChecks

    checks = KeyChecks(url, client_policies(settings))
    try:
        is_accepted = await checks.accepts(settings.api_key.get_secret_value())
    except CalypsoError as error:
        yield problem(f"{url}: {error.message}", error.hint or "Check the base URL (--api-base-url).")
        return
    finally:
        await checks.aclose()
    if is_accepted:
        yield ok(f"{url} answers and accepts the key.")
    else:
        yield problem(
            f"{url} does not accept the key.",
            "Set CALYPSO_API_KEY (or CALYPSO_API_KEY_FILE) to a key of this installation of Calypso.",
        )
    yield await _check_clock(url)


async def _check_clock(url: str) -> Finding:
    """Compare our clock with the `Date` of an answer (RFC 9110, section 6.6.1)."""
    try:
        async with httpx2.AsyncClient(timeout=_WAIT_S) as client:
            answer = await client.get(f"{url}/connection")
        theirs = parsedate_to_datetime(answer.headers["date"]).timestamp()
    except (httpx2.HTTPError, KeyError, ValueError):
        return ok("The API's answer has no date.")
    skew = round(time.time() - theirs)
    if abs(skew) > _MOST_SKEW_S:
        way = "ahead of" if skew > 0 else "behind"
        return problem(
            f"This machine's clock is {abs(skew)} s {way} the API's: upload addresses will count as expired.",
            "Set the clock, or turn on time synchronisation.",
        )
    return ok("The clocks agree.")
