"""Removes files embedded in a text: data URIs, places in source maps, long runs of base64 or hex digits."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise

from calypso_mcp.local.indexing.documents import Block, Document

#: RFC 2397: what follows the comma is the file. ECMA-426: each group of letters is a place in code.
_DATA_URI = re.compile(
    r"data:[\w.+/-]{0,100}(?:;[\w.+=-]{1,60}){0,5},[A-Za-z0-9+/=_%.~-]{40,}|^mappings: [\w+/,;]{60,}$",
    re.MULTILINE,
)
#: Lines of base64, as mail programs and PEM files wrap it.
_WRAPPED = re.compile(r"(?:^[A-Za-z0-9+/]{60,100}={0,2}[ \t]*(?:\n|$)){4,}", re.MULTILINE)
#: Longer than any word, path or key that a person looks for.
_RUN = re.compile(r"[A-Za-z0-9+/_-]{200,}={0,2}")
_LONG = 60
#: Share of neighbours of another kind (letter case, digit) in data; words and paths have far fewer.
_DATA_CHANGES = 0.2


def remove_embedded_files(document: Document) -> Document:
    """Return `document` without embedded files; line ends are kept, blocks that become empty go."""
    if not any(_is_suspect(block.text) for block in document.blocks):
        return document
    cleaned = tuple(block for block in map(_clean, document.blocks) if block.text.strip())
    return replace(document, blocks=cleaned)


def _is_suspect(text: str) -> bool:
    return len(text) >= _LONG and max(map(len, text.split()), default=0) >= _LONG


def _clean(block: Block) -> Block:
    if not _is_suspect(block.text):
        return block
    text = _DATA_URI.sub("", block.text)
    text = _WRAPPED.sub(lambda match: "\n" * match[0].count("\n") if _is_data(match[0]) else match[0], text)
    text = _RUN.sub(lambda match: "" if _is_data(match[0]) else match[0], text)
    return replace(block, text=text)


def _is_data(run: str) -> bool:
    """Whether a run mixes cases and digits all over, as data does; words, paths and rulers do not."""
    changes = sum(
        char.isdigit() != other.isdigit() or char.isupper() != other.isupper()
        for char, other in pairwise(run)
    )
    return changes >= len(run) * _DATA_CHANGES
