"""What of a page its readers see."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import islice

from selectolax.lexbor import LexborNode

from calypso_mcp.local.indexing.documents import LONGEST_TITLE

_NEVER_CONTENT = """
    script style noscript noframes template canvas iframe object embed head nav rp rt datalist audio video
    symbol defs metadata annotation annotation-xml del
"""
_SKIPPED = frozenset(_NEVER_CONTENT.split())
#: Class names are too unreliable to skip by; these ARIA roles are defined as page furniture.
_SKIPPED_ROLES = frozenset({"navigation", "search", "menu", "menubar", "toolbar", "banner"})
#: A form that was saved filled in shows what was typed.
_TYPED_INTO = frozenset({"text", "email", "tel", "url", "number", "date", "search", None})
#: A button there, one that unfolds something and one that asks is the heading of what it unfolds (WAI-ARIA,
#: accordion).
_HEADED = frozenset({*(f"h{level}" for level in range(1, 7)), "summary", "dt"})
_QUESTION = ("?", "\uff1f", "\u061f")
_UNFOLDING = frozenset({"aria-controls", "aria-expanded"})
#: What is folded up or lies behind another tab, and is shown on demand.
_FOLDED_ROLES = frozenset({"region", "tabpanel"})
#: Left out in print, too: links to edit a section or to show its source (Bootstrap, MediaWiki, Sphinx).
_NOT_PRINTED = ("d-print-none", "mw-editsection", "no-print", "noprint", "viewcode-link")
#: The numbers of lines beside code (Rouge, Pygments, React, Hugo).
_LINE_NUMBERS = ("lineno", "linenos", "linenumber", "lnt")
_NOT_TEXT = frozenset((*_NOT_PRINTED, *_LINE_NUMBERS))
_WAY_DOWN_CHARS = 40
#: What such a link says, leads to or is named.
_WAY_DOWN = re.compile(
    r"conten|\bmain\b|skip|jump|inhalt|sr-only|visually-hidden|screen-reader", re.IGNORECASE
)
_FORM_CONTROLS = frozenset({"textarea", "select", "form", "html", "body"})
#: Elements whose title says more than their text; that of a link repeats it.
_EXPLAINED = frozenset(
    {"abbr", "acronym", "dfn", "span", "td", "th", "div", "p", "li", "mark", "ins", "time"}
)
#: What programs write into `alt` by themselves.
_FILE_NAME = re.compile(r"\S+\.\w{3,4}|\s*")
#: What follows these says what they ask for, even if it is folded up.
_ASKING = frozenset({"summary", "dt"})
#: A question or heading is made of few elements and pieces of text, and short: one that is never closed holds
#: all that follows.
_MOST_PARTS = 20


def is_never_content(node: LexborNode) -> bool:
    """Whether an element holds no text for readers, or is hidden."""
    is_unchosen = node.tag == "option" and "selected" not in node.attributes
    return (
        node.tag in _SKIPPED
        or is_unchosen
        or _is_mere_button(node)
        or _is_mere_sign(node)
        or _is_hidden(node)
    )


def said_by_attributes(node: LexborNode, *, is_empty: bool) -> str:
    """Return the text that an element, which may hold none itself, shows or says aloud by its attributes."""
    attributes = node.attributes
    if not attributes:
        return ""
    if node.tag == "input":
        said = attributes.get("value") if attributes.get("type", "text") in _TYPED_INTO else ""
    elif is_empty and node.tag not in _FORM_CONTROLS:
        said = attributes.get("alt") or attributes.get("aria-label") or attributes.get("title")
    else:
        said = attributes.get("title") if node.tag in _EXPLAINED else ""
    return "" if not said or _FILE_NAME.fullmatch(said) else said


def list_parts(node: LexborNode) -> list[LexborNode]:
    """Return a question or heading with all that is in it; nothing of an element too large to be one."""
    parts = list(islice(node.traverse(include_text=True), _MOST_PARTS + 1))
    is_small = len(parts) <= _MOST_PARTS and len(_text_of(parts)) <= LONGEST_TITLE
    return parts if is_small else []


def has_lines(node: LexborNode) -> bool:
    """Whether an element holds several lines of text, or a lot of it."""
    parts = list_parts(node)
    return not parts or "\n" in _text_of(parts)


def is_way_down(node: LexborNode) -> bool:
    """Whether an element is a link of a few words past the menu."""
    leads_to = node.attributes.get("href") or "" if node.tag == "a" else ""
    text = node.text().strip() if leads_to.startswith("#") else ""
    is_short = 0 < len(text) <= _WAY_DOWN_CHARS
    return is_short and _WAY_DOWN.search(f"{leads_to} {node.attributes.get('class')} {text}") is not None


def _text_of(parts: Iterable[LexborNode]) -> str:
    return "".join(part.text_content or "" for part in parts if part.is_text_node).strip()


def _is_mere_button(node: LexborNode) -> bool:
    if node.tag != "button" or not _UNFOLDING.isdisjoint(node.attributes):
        return False
    is_headed = node.parent is not None and node.parent.tag in _HEADED
    return not is_headed and not node.text().rstrip().endswith(_QUESTION)


def _is_mere_sign(node: LexborNode) -> bool:
    """Whether an element is a link to a place in the page, such as the heading before it, without words."""
    return (
        node.tag == "a"
        and "#" in (node.attributes.get("href") or "")
        and not any(map(str.isalnum, node.text()))
        and node.css_first("[alt]") is None
    )


def _is_hidden(node: LexborNode) -> bool:
    attributes = node.attributes
    if not attributes or attributes.get("role") in _FOLDED_ROLES:
        return False
    if attributes.get("role") in _SKIPPED_ROLES:
        return True
    style = (attributes.get("style") or "").replace(" ", "").lower()
    is_hidden = (
        "hidden" in attributes
        or not _NOT_TEXT.isdisjoint((attributes.get("class") or "").split())
        or attributes.get("aria-hidden") == "true"
        or "display:none" in style
        or "visibility:hidden" in style
    )
    return is_hidden and not _is_answer(node)


def _is_answer(node: LexborNode) -> bool:
    """Whether an element follows what asks for it or unfolds it, as on pages of questions and answers."""
    before = node.prev
    while before is not None and not before.is_element_node:
        before = before.prev
    if before is None:
        return False
    if before.tag in _ASKING:
        return True
    parts = list_parts(before)
    unfolds = any(not _UNFOLDING.isdisjoint(part.attributes) for part in parts if part.is_element_node)
    return _text_of(parts).endswith(_QUESTION) or (before.tag in _HEADED and unfolds)
