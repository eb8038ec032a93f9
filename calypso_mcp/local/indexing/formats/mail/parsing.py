"""From bytes to a message, its headers as mail programs read them."""

from __future__ import annotations

import email
import re
from codecs import BOM_UTF8
from email.message import EmailMessage
from email.policy import EmailPolicy, Policy, default
from functools import lru_cache
from typing import cast

from calypso_mcp.local.indexing.documents import Allowance, ExtractionFailed
from calypso_mcp.local.indexing.formats.encodings.decoding import decode
from calypso_mcp.local.indexing.formats.encodings.labels import codec_of
from calypso_mcp.local.indexing.formats.mail.letters import decode_header_words

#: The start of an encoded word with its charset (RFC 2047, 2) and language (RFC 2231, 5).
_ENCODED_WORD = re.compile(r"=\?([\w.:-]{1,40})(?:\*[\w-]{1,40})?(\?[bq]\?)", re.IGNORECASE)
#: Characters of a header that are read: the parser of addresses takes quadratic time.
_LONGEST_HEADER = 8_000
#: Headers whose parameters are needed, too.
_TYPED_HEADERS = frozenset({"content-type", "content-disposition", "content-transfer-encoding"})


def parse_message(data: bytes, allowance: Allowance) -> EmailMessage:
    """Return a message.

    Raises:
        ExtractionFailed: `too_large` if it has too many parts, or they are nested too deeply.
    """

    def make_part(policy: Policy) -> EmailMessage:
        allowance.message_parts -= 1
        if allowance.message_parts < 0:
            raise ExtractionFailed("too_large", "The message has too many parts.")
        return EmailMessage(policy)

    policy = _POLICY.clone(message_factory=make_part)
    try:
        return cast("EmailMessage", email.message_from_bytes(data.removeprefix(BOM_UTF8), policy=policy))
    except RecursionError as error:
        raise ExtractionFailed("too_large", "The parts of the message are nested too deeply.") from error


@lru_cache(maxsize=256)
def _parse_typed_header(name: str, value: str) -> str:
    """Return a header as the library reads it, which asks for it once for every part and takes long."""
    return default.header_fetch_parse(name, value)


class _ReadableHeaders(EmailPolicy):
    """Reads headers in the encodings that mail programs assume, and only the start of very long ones."""

    def header_fetch_parse(self, name: str, value: str) -> str:
        value = _as_browsers_decode(value[:_LONGEST_HEADER])
        if name.lower() in _TYPED_HEADERS:
            return _parse_typed_header(name, value)
        # As text: the parser of addresses parts a name that two encoded words spell (RFC 2047, 6.2).
        return decode_header_words(value)


_POLICY = _ReadableHeaders()


def _as_browsers_decode(header: str) -> str:
    """Return a header whose encoded words name Python's codecs ("gb2312" means GBK), without raw bytes."""
    if not header.isascii():
        try:
            header = decode(header.encode(errors="surrogateescape")).text
        except ExtractionFailed:
            return header
    return _ENCODED_WORD.sub(lambda word: f"=?{codec_of(word[1]) or word[1]}{word[2]}", header)
