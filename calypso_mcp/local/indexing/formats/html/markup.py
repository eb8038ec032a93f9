"""Prepares markup for the parser: drops what takes quadratic time, and shows frames and `noscript`."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape, unescape
from itertools import islice

#: A start tag, as browsers see one (WHATWG HTML, 13.2.5.6 to 13.2.5.40), or the end of a template. One that
#: nothing ends reaches to the end of the text, so that nothing is looked at twice.
_TAG = re.compile(
    r"<((?:/(?=template))?[a-z][^\s/>]*+)"
    r"""((?:[\s/]++|=\s*+(?:"[^"]*+"?+|'[^']*+'?+|[^\s"'>][^\s>]*+)?+|[^\s/>=]++)*+)>?+""",
    re.IGNORECASE,
)
_ATTRIBUTE = re.compile(r"""=\s*+(?:"[^"]*+"?+|'[^']*+'?+|[^\s"'>][^\s>]*+)?+|([^\s/>=]++)""")
_FRAME = re.compile(r"""srcdoc\s*+=\s*+(?:"([^"]*+)"|'([^']*+)')""", re.IGNORECASE)
_VOID = frozenset(
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"]
)
#: The parser compares each attribute with all before it.
_MOST_ATTRIBUTES = 1_000
#: Holds no other of its kind.
_FALLBACK = re.compile(
    r"<(noscript|noframes)(?:\s[^<>]*+)?>([^<]*+(?:<(?!/?\1)[^<]*+)*+)</\1\s*>", re.IGNORECASE
)
#: Text of XHTML, and a comment to the parser.
_LITERAL = re.compile(r"<!\[CDATA\[([^\]]*+(?:\](?!\]>)[^\]]*+)*+)(?:\]\]>)?+")
#: The parser would see nothing but frames.
_FRAMES = re.compile(r"</?frame(?:set)?\b([^<>]*+)>", re.IGNORECASE)
#: A style that is never closed goes on to the end.
_NO_WORDS = re.compile(
    r"<style\b[^<]*+(?:<(?!/style)[^<]*+)*+(?:</style)?+|<[^<>]*+>|[\W\d_]++", re.IGNORECASE
)


def prepare(markup: str, read_frame: Callable[[str], str], *, is_xhtml: bool) -> str:
    """Return `markup` with as many line ends.

    Documents that frames hold themselves follow as paragraphs; what is shown without frames, and what stands
    in the shadow of an element, stands in the page; text for browsers without scripts is text, but
    for the advice to allow them; elements with absurdly many attributes have none; those of XHTML that close
    in their start tag have an end tag, and its literal text is text.
    """
    in_shadow: list[bool] = []  # of each open template
    if is_xhtml:
        markup = _LITERAL.sub(lambda literal: escape(literal[1]), markup)

    def changed(tag: re.Match[str]) -> str:
        name, attributes = tag[1].lower(), tag[2]
        if len(attributes) > _MOST_ATTRIBUTES and _has_too_many(attributes):
            return f"<{tag[1]}{_line_ends(attributes)}>"
        if name == "iframe" and (frame := _FRAME.search(attributes)) is not None:
            text = " ".join(read_frame(unescape(frame[1] or frame[2] or "")).split())
            return f"<p>{escape(text)}</p>{tag[0]}"
        if name == "template":
            in_shadow.append("shadowroot" in attributes.lower())
            return f"<div>{_line_ends(attributes)}" if in_shadow[-1] else tag[0]
        if name == "/template":
            # As it is it would end nothing, and each shadow would stand in the one before.
            return "</div>" if in_shadow and in_shadow.pop() else tag[0]
        if is_xhtml and attributes.endswith("/") and name not in _VOID and tag[0].endswith(">"):
            return f"<{tag[1]}{attributes[:-1]}></{tag[1]}>"
        return tag[0]

    shown = _FALLBACK.sub(_shown, _TAG.sub(changed, markup))
    return _FRAMES.sub(lambda tag: _line_ends(tag[1]), shown)


def _has_too_many(attributes: str) -> bool:
    names = (found for found in _ATTRIBUTE.finditer(attributes) if found[1])
    return next(islice(names, _MOST_ATTRIBUTES, None), None) is not None


def _line_ends(text: str) -> str:
    return "\n" * text.count("\n")


def _shown(fallback: re.Match[str]) -> str:
    """Return what browsers without scripts or frames show, if it is text and more than advice."""
    words = _NO_WORDS.sub(" ", fallback[2]).lower()
    is_about_frames = "frame" in words and ("browser" in words or "client" in words)
    if not words.strip() or "javascript" in words or "java script" in words or is_about_frames:
        return fallback[0]
    return f"<span>{fallback[2]}</span>"
