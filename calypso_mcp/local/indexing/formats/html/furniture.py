"""The content of a web page: what the page marks, or what is left without menus, notices and footers.

Of these, only elements that are small beside the rest count, so that a page made of links stays whole.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from selectolax.lexbor import LexborNode

from calypso_mcp.local.indexing.documents import Block
from calypso_mcp.local.indexing.formats.html.blocks import BLOCKS, visible_blocks, walk
from calypso_mcp.local.indexing.formats.html.visibility import is_never_content

#: Share of the page's text that one piece of furniture has at most.
_MOST_SHARE = 0.3
#: A menu is made of links, with little else and a few words each.
_LEAST_LINKS = 2
_LINKED_SHARE = 0.7
_NAMED_LINKED_SHARE = 0.5
_MENU_ENTRY_CHARS = 30
#: Text in one block, outside links, that counts as written to be read.
_PROSE_CHARS = 60
_FIRST_LEVELS = frozenset({"h1", "h2"})
_CONTROLS = frozenset({"button", "input", "select"})
_LAID_OVER = frozenset({"dialog", "alertdialog"})
#: How pages name notices that speak of cookies; a form of consent to an operation has such a name, too.
_CONSENT = re.compile(
    r"consent|gdpr|ccpa|onetrust|cookiebot|usercentrics|didomi|cookies?[-_]?(?:banner|notice|bar|law|popup|"
    r"overlay|modal|message|policy|settings|warning|disclaimer|dialog|info|hint|wall|layer|box|alert)"
)
#: Programs that ask for consent to cookies, whatever they call them.
_ASKING_PROGRAMS = re.compile(r"onetrust|cookiebot|usercentrics|didomi")
#: What stands beside the content or within it, and leads elsewhere.
_NAMES_OF_ASIDES = """
    ad ads advert advertisement catlinks navbox newsletter printfooter recommended related relatedposts share
    sharedaddy sharing social sponsored subscribe trending
"""
_ASIDES = frozenset(_NAMES_OF_ASIDES.split())
_ADS = frozenset({"ad", "ads", "advert", "advertisement"})
#: Other elements with such a name are parts of a text: sections, headings, cells.
_BOXES = frozenset({"aside", "div", "form", "ul"})
#: Characters beside the controls of an aside.
_ASIDE_CHARS = 200
_MENUS = frozenset(["nav", "navbar", "navigation", "menu", "breadcrumb", "breadcrumbs", "sidebar"])
_NAME = re.compile(r"[a-z0-9]+")
#: Marks of main content, the most telling first (HTML standard 4.4.14, 4.3.2; WAI-ARIA).
_MARKED = ("main", "[role=main]", "article")
#: Smallest share of the page's text in a marked element: some pages mark an empty box or a teaser.
_LEAST_SHARE = 0.2
#: Smallest share of the page's text that remains without furniture; otherwise all of it is content.
_LEAST_LEFT = 0.5


@dataclass(slots=True)
class _Tally:
    """What an element holds, counted while its subtree is walked.

    `first` and `last` number its pieces of text in the page; `prose` is its text outside links and blocks;
    `has_cookies` says whether its text speaks of cookies.
    """

    node: LexborNode
    first: int
    last: int = 0
    chars: int = 0
    linked: int = 0
    links: int = 0
    controls: int = 0
    prose: int = 0
    has_title: bool = False
    has_cookies: bool = False

    def close(self, last: int) -> None:
        """Take note of its end."""
        self.last = last
        self.has_title |= self.node.tag == "h1"
        if self.node.tag == "a":
            self.linked, self.links, self.prose = self.chars, 1, 0

    def add(self, child: _Tally) -> None:
        """Count what a child holds."""
        self.chars += child.chars
        self.linked += child.linked
        self.links += child.links
        self.controls += child.controls
        self.has_title |= child.has_title
        self.has_cookies |= child.has_cookies
        self.prose += 0 if child.is_block else child.prose

    @property
    def is_block(self) -> bool:
        """Whether it begins a line of its own."""
        return self.node.tag in BLOCKS or self.is_heading

    @property
    def is_heading(self) -> bool:
        """Whether it is a heading that content begins with."""
        return self.node.tag in _FIRST_LEVELS


def find_furniture(root: LexborNode) -> frozenset[int]:
    """Return the memory ids of the elements below `root` that are not content."""
    small, blocks = _small_and_all(root)
    fixed = [region for region in small if _is_notice(region) or _is_footer(region) or _is_aside(region)]
    begin, end = _extent(blocks, fixed)
    menus = [
        region for region in small if _is_menu(region, outside=region.last < begin or region.first > end)
    ]
    return frozenset(region.node.mem_id for region in (*fixed, *menus))


def find_asides(root: LexborNode) -> frozenset[int]:
    """Return the memory ids of the small elements below `root` that lead away from the content."""
    small, _ = _small_and_all(root)
    return frozenset(region.node.mem_id for region in small if _is_aside(region))


def find_questions_of_consent(root: LexborNode, markup: str) -> frozenset[int]:
    """Return the memory ids of the notices about cookies that a saved page asks to accept."""
    if _CONSENT.search(markup.lower()) is None:
        return frozenset()
    small, _ = _small_and_all(root)
    asking = (region for region in small if region.controls and _is_about_consent(region))
    return frozenset(region.node.mem_id for region in asking)


def _small_and_all(root: LexborNode) -> tuple[list[_Tally], list[_Tally]]:
    """Return the tallies of the blocks that may be furniture, and those of all blocks."""
    page, blocks = _count(root)
    most = _MOST_SHARE * page.chars
    return [region for region in blocks if 0 < region.chars <= most and not region.has_title], blocks


def _count(root: LexborNode) -> tuple[_Tally, list[_Tally]]:
    """Return the tally of the page, and those of its blocks, inner ones first."""
    blocks: list[_Tally] = []
    open_ = [_Tally(root, 1)]
    place = 0

    def is_skipped(node: LexborNode) -> bool:
        open_[-1].controls += node.tag in _CONTROLS or node.attributes.get("role") == "button"
        return is_never_content(node)

    for node, entering in walk(root, is_skipped):
        if node.is_text_node:
            text = node.text_content or ""
            chars = len(text.strip())
            open_[-1].has_cookies |= "cookie" in text.lower()
            place += chars > 0
            open_[-1].chars += chars
            open_[-1].prose += chars
        elif entering:
            open_.append(_Tally(node, place + 1))
        else:
            done = open_.pop()
            done.close(place)
            open_[-1].add(done)
            if done.is_block:
                blocks.append(done)
    return open_[0], blocks


def _extent(blocks: list[_Tally], fixed: list[_Tally]) -> tuple[float, float]:
    """Return the first and last piece of the content; pieces in `fixed` elements do not count."""
    ends: list[int] = []
    starts: list[int] = []
    for region in sorted(fixed, key=lambda tally: tally.first):
        if not ends or region.first > ends[-1]:
            starts.append(region.first)
            ends.append(region.last)
    content = [
        region
        for region in blocks
        if (region.is_heading or region.prose >= _PROSE_CHARS)
        and not ((at := bisect_right(starts, region.first)) and region.first <= ends[at - 1])
    ]
    begin = min((region.first for region in content), default=math.inf)
    return begin, max((region.last for region in content if not region.is_heading), default=begin)


def _is_notice(tally: _Tally) -> bool:
    if not (tally.controls or tally.links):
        return False
    attributes = tally.node.attributes
    style = (attributes.get("style") or "").replace(" ", "").lower()
    return attributes.get("role") in _LAID_OVER or "position:fixed" in style or _is_about_consent(tally)


def _is_about_consent(tally: _Tally) -> bool:
    names = _names(tally.node)
    is_known = tally.has_cookies or "cookie" in names or _ASKING_PROGRAMS.search(names) is not None
    return is_known and _CONSENT.search(names) is not None


def _is_aside(tally: _Tally) -> bool:
    """Whether an element is named as one, and holds little but links and controls.

    Of ids only the whole counts: they name what a section is about, such as `related-work`.
    """
    attributes = tally.node.attributes
    names = {(attributes.get("id") or "").lower(), *_NAME.findall((attributes.get("class") or "").lower())}
    leads_away = tally.links or tally.controls or not names.isdisjoint(_ADS)
    most = _ASIDE_CHARS if tally.controls else tally.linked + _MENU_ENTRY_CHARS
    is_named = tally.node.tag in _BOXES and not names.isdisjoint(_ASIDES)
    return bool(is_named and leads_away and tally.chars - tally.linked <= most)


def _is_footer(tally: _Tally) -> bool:
    return "footer" in _NAME.findall(_names(tally.node))


def _is_menu(tally: _Tally, *, outside: bool) -> bool:
    if tally.links < _LEAST_LINKS or tally.linked > tally.links * _MENU_ENTRY_CHARS:
        return False
    is_named = not _MENUS.isdisjoint(_NAME.findall(_names(tally.node)))
    least = _NAMED_LINKED_SHARE if is_named else _LINKED_SHARE
    return (outside or is_named) and tally.linked >= least * tally.chars


def _names(node: LexborNode) -> str:
    """Return the id and the classes, in lower case."""
    attributes = node.attributes
    return f"{attributes.get('id') or ''} {attributes.get('class') or ''}".lower()


def find_main_content(root: LexborNode, blocks: Sequence[Block]) -> tuple[Block, ...]:
    """Return the `blocks`, all that is visible, of the marked main content, or of all but the furniture."""
    whole = _chars(blocks)
    for marked in _marked(root):
        main = visible_blocks(marked, find_asides(marked), has_footer=True)
        if _chars(main) >= _LEAST_SHARE * whole:
            return (*_missing_heading(main, blocks), *main)
    rest = visible_blocks(root, find_furniture(root))
    return tuple(rest if _chars(rest) >= _LEAST_LEFT * whole else blocks)


def _marked(root: LexborNode) -> Iterator[LexborNode]:
    for selector in _MARKED:
        found = root.css(selector)
        # Several articles are a list of them, and none is the page's content by itself.
        if len(found) == 1:
            yield found[0]


def _missing_heading(main: Sequence[Block], blocks: Sequence[Block]) -> list[Block]:
    """Return the page's first heading if it lies outside `main`, as above a column of text."""
    headings = [block for block in blocks if block.heading_level == 1]
    if not headings or any(block.heading_level == 1 for block in main):
        return []
    return headings[:1]


def _chars(blocks: Sequence[Block]) -> int:
    return sum(len(block.text) for block in blocks)
