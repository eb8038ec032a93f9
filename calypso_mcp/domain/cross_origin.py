"""What lets a page of another origin send a file to an upload address (Fetch standard, CORS protocol).

Any origin may: the address itself is the secret, and no cookie or key travels with the request. `Range` has
to be exposed, since a page resumes where it says (seed: browser clients use the same upload address).
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

#: Of every answer, refusals included: without them a page cannot read why it was refused.
ANSWER_HEADERS: Final = MappingProxyType(
    {
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Expose-Headers": "Range, Retry-After, X-Request-Id",
    }
)


def preflight_headers(*methods: str) -> dict[str, str]:
    """Return the headers of the answer to a preflight request for an address that takes `methods`."""
    return {
        **ANSWER_HEADERS,
        "Access-Control-Allow-Methods": ", ".join(methods),
        "Access-Control-Allow-Headers": "Content-Type, Content-Range, X-Goog-Hash",
        "Access-Control-Max-Age": "3600",
    }
