"""Pages that mark no main content: what stands around it is left out, and nothing else is."""

from __future__ import annotations

import time

import pytest

from calypso_mcp.local.indexing.documents import FileContent
from calypso_mcp.local.indexing.formats.html.reader import read_html

MENUS = (
    '<div class="top"><a href="/">Home</a> | <a href="/shop">Shop</a> | <a href="/jobs">Jobs</a></div>',
    '<ul id="nav"><li><a href="/">Home</a></li><li><a href="/shop">Shop</a></li><li>Jobs</li></ul>',
    '<table><tr><td><a href="/">Home</a></td><td><a href="/shop">Shop</a></td></tr></table>',
)
NOTICES = (
    '<div class="cookie-banner"><p>We use cookies to give you the best experience on all pages.</p>{}</div>',
    '<div id="CookieConsent" style="position: fixed"><h2>Privacy</h2>Choose cookies. <a>Reject</a></div>',
    '<section role="dialog"><p>Cookies? <input type="checkbox"> Reject</p></section>',
)
FOOTERS = (
    '<div class="footer">Imprint and privacy of Skarnes Harbour AS, Quay street 4, all rights reserved</div>',
    '<div id="page-footer"><a href="/imprint">Imprint</a></div>',
    '<div><ul><li><a href="/imprint">Imprint</a></li><li><a href="/privacy">Privacy</a></li></ul></div>',
)
SENTENCES = (
    "The lighthouse of Skarnes opens on Sundays from 10 to 16, and tickets cost nine euros for adults.",
    "Groups of more than twelve people book two weeks ahead at the harbour office, by letter or by phone.",
    "Dogs wait outside.",
)
CONTENTS = (
    '<div class="content"><h1>Visits</h1><p>{}</p><h3>Groups</h3><p>{}</p><p>{}</p></div>',
    "<h1>Visits</h1><p>{}</p><div><p>{}</p><ul><li>{}</li></ul></div>",
    "<div><div><div><h2>Visits</h2>{}<br><br>{}</div></div></div><div>{}</div>",
    "<table><tr><td><p>{}</p></td><td><p>{}</p><p>{}</p></td></tr></table>",
)
FURNITURE = ("Home", "Shop", "cookies", "Reject", "Imprint")


def text_of(body: str, *, is_page: bool = True) -> str:
    page = f"<html><head><title>T</title></head><body>{body}</body></html>".encode()
    document = read_html(FileContent(page, is_page=is_page))
    return "\n".join(block.text for block in document.blocks)


@pytest.mark.parametrize("content", CONTENTS)
@pytest.mark.parametrize("menu", MENUS)
def test_menus_notices_and_footers_are_left_out_and_all_of_the_content_stays(content: str, menu: str) -> None:
    for notice in NOTICES:
        asking = notice.format("<button>Accept all</button> <a>Reject</a>")
        for footer in FOOTERS:
            main = content.format(*SENTENCES)
            for body in (menu + asking + main + footer, f"<div id=wrap>{asking}{menu}{main}{footer}</div>"):
                text = text_of(body)
                assert [sentence for sentence in SENTENCES if sentence not in text] == [], body
                assert [word for word in FURNITURE if word in text] == [], body


def test_a_saved_page_keeps_all_but_the_question_of_consent() -> None:
    [banner, *_] = NOTICES
    rest = f"{MENUS[0]}{CONTENTS[0].format(*SENTENCES)}{FOOTERS[0]}"
    asking = banner.format("<button>Accept all</button>")
    assert text_of(asking + rest, is_page=False) == text_of(rest, is_page=False)
    for kept in (
        banner.format("<a>Read on</a>"),
        "<div role=dialog>Nine <button>OK</button></div>",
        "<section id=consent><p>Sign here.</p></section>",
        "<form id=consent><p>I agree to the operation. <input type=checkbox> Yes</p></form>",
    ):
        assert text_of(kept + rest, is_page=False) == text_of(f"<div>{kept}</div>{rest}", is_page=False)
        assert len(text_of(kept + rest, is_page=False)) > len(text_of(rest, is_page=False))
    alone = "<div class=cookie-banner><p>We use cookies.</p><button>OK</button></div>"
    assert "We use cookies." in text_of(alone, is_page=False)


ASIDES = (
    "<div class='sd-sharing share-tools'><h3>Share this</h3><a href=/f>Home and Shop</a></div>",
    "<aside class=related-stories><h4>Read on</h4><li><a href=/a>Home is where the ferry goes</a></aside>",
    "<div id=newsletter><p>Home news every morning.</p><form><input type=email></form></div>",
    "<div class=ad-slot>Shop</div>",
    "<div id=catlinks>Categories: <a href=/c>Home</a></div>",
)


@pytest.mark.parametrize("aside", ASIDES)
@pytest.mark.parametrize("wrap", ["<main>{}</main>", "<article>{}</article>", "<div>{}</div>"])
def test_what_leads_away_from_the_content_is_left_out_within_it_too(wrap: str, aside: str) -> None:
    first, second, third = SENTENCES
    text = text_of(wrap.format(f"<h1>Visits</h1><p>{first}</p>{aside}<p>{second} {third}</p>"))
    assert text == "\n".join(("Visits", first, f"{second} {third}"))


def test_what_is_only_named_like_an_aside_stays() -> None:
    costs = f"<div class=related><h2>Related costs</h2><p>{SENTENCES[0]}</p><p>{SENTENCES[1]}</p></div>"
    rest = "".join(f"<p>{sentence}</p>" for sentence in SENTENCES * 3)
    assert "Related costs" in text_of(f"<main>{rest}{costs}</main>")


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ("<section id=social-security><h2>Social security</h2><p>9 %</section>", "Social security\n9 %"),
        ("<div id=related-work><p>See <a href=k>Knuth</a></p></div>", "See Knuth"),
        ("<h2 id=share>Share</h2><p>Half.</p>", "Share\nHalf."),
        ("<div class=share-price><p>Share price: 12.40 EUR</p></div>", "Share price: 12.40 EUR"),
        ("<ul><li class=related>Also for <a href=t>trainees</a></ul>", "- Also for trainees"),
        ("<p class=social>Lunch is <a href=f>free</a>.</p>", "Lunch is free."),
        ("<table><tr><td class=share><a href=a>45 %</a><td>Ida</table>", "45 % | Ida"),
        (
            "<section id=gdpr><h2>GDPR</h2><p>Kept for <a href=a>30</a> days.</section>",
            "GDPR\nKept for 30 days.",
        ),
    ],
)
@pytest.mark.parametrize("wrap", ["<main>{}</main>", "<div>{}</div>"])
def test_a_part_of_the_text_that_is_named_like_an_aside_stays(wrap: str, part: str, words: str) -> None:
    rest = "".join(f"<p>{sentence}</p>" for sentence in SENTENCES)
    assert words in text_of(wrap.format(f"<h1>Visits</h1>{rest}{part}{rest}"))


@pytest.mark.parametrize(
    "banner",
    [
        "<div id=cookie-law-info-bar>We use cookies. <a role=button>Accept</a></div>",
        "<div id=onetrust-banner-sdk><p>We and our 842 partners store data.</p><button>OK</button></div>",
    ],
)
def test_a_saved_page_asks_for_no_consent(banner: str) -> None:
    rest = CONTENTS[0].format(*SENTENCES)
    assert text_of(banner + rest, is_page=False) == text_of(rest, is_page=False)


def test_a_form_of_consent_to_something_else_is_content() -> None:
    form = "<form id=consent><p>I agree to the operation. <input type=checkbox> Yes</p></form>"
    assert "operation" in text_of(CONTENTS[0].format(*SENTENCES) + form)


@pytest.mark.parametrize(
    "body",
    [
        # A page that is a list of links.
        "<h1>Forms</h1>" + "".join(f"<p><a href='/{number}'>Form {number}</a></p>" for number in range(9)),
        "<div>" + "".join(f"<a href='/{number}'>Form {number}</a> " for number in range(9)) + "</div>",
        # Cookies to eat, a list of links in the middle of the text, and a short page.
        f'<div class="cookie-card"><p>{SENTENCES[0]}</p><button>Bake</button></div><p>{SENTENCES[1]}</p>',
        f"<p>{SENTENCES[0]}</p><p><a>Form A</a> <a>Form B</a></p><p>{SENTENCES[1]}</p>",
        '<div class="footer">Only this.</div>',
    ],
)
def test_what_is_the_page_itself_stays(body: str) -> None:
    assert text_of(body) == text_of(body, is_page=False)


def test_a_page_of_nested_menus_is_read_in_linear_time() -> None:
    def seconds(depth: int) -> float:
        body = '<div class="menu consent"><a>Home</a>' * depth + f"<p>{SENTENCES[0]}</p>" + "</div>" * depth
        started = time.process_time()
        text_of(body)
        return time.process_time() - started

    seconds(100)
    assert seconds(4_000) < 16 * seconds(1_000) + 0.2
