from __future__ import annotations

import time
from contextlib import suppress

import pytest

from calypso_mcp.local.indexing.documents import Document, ExtractionFailed, FileContent
from calypso_mcp.local.indexing.formats.html.reader import MAX_DEPTH, prepare, read_html

#: Seconds of the processor; in quadratic time these pages take minutes.
MOST_S = 4.0


def read(body: str) -> Document:
    return read_html(FileContent(f"<!doctype html><html><body>{body}</body></html>".encode()))


def texts(body: str) -> list[str]:
    return [block.text for block in read(body).blocks]


def test_headings_paragraphs_and_the_title_are_read() -> None:
    head = b"<html><head><title> Help \n centre</title></head>"
    document = read_html(FileContent(head + b"<body><h1>Refunds</h1><p>Within <b>14</b> days.</p>"))
    assert document.title == "Help centre"
    assert [(block.text, block.heading_level) for block in document.blocks] == [
        ("Refunds", 1),
        ("Within 14 days.", None),
    ]


def test_white_space_is_collapsed_and_line_breaks_are_kept() -> None:
    assert texts("<p>one\n   two&nbsp;three<br>four &amp; f&uuml;nf</p>") == ["one two three\nfour & fünf"]


def test_inline_markup_does_not_part_words() -> None:
    assert texts("<div>re<span>fund</span>s <i>now</i></div>") == ["refunds now"]


def test_lists_stay_together() -> None:
    assert texts("<ul><li>one<li>two<ol><li>inner</ol><li><p>three</p></ul>") == [
        "- one\n- two\n1. inner\n- three"
    ]


@pytest.mark.parametrize(
    ("attributes", "first"),
    [
        ("", "1."),
        ("start=4", "4."),
        ("start=x", "1."),
        ("type=1", "1."),
        ("type=a", "-"),
        ("reversed", "-"),
        ("class='loweralpha simple'", "-"),
        ("class=list-unstyled", "-"),
        ("style='list-style-type:lower-roman'", "-"),
        ("style='list-style-type: decimal'", "1."),
    ],
)
def test_the_items_of_a_numbered_list_have_the_numbers_that_are_shown(attributes: str, first: str) -> None:
    assert texts(f"<ol {attributes}><li>Drain<li value=9>Rinse</ol>")[0].startswith(f"{first} Drain\n")


def test_items_count_on_below_a_list_in_them_and_from_a_number_of_their_own() -> None:
    steps = "<ol><li>Drain<ol><li>Open</ol><ul><li>Wait</ul><li value=9>Rinse<li>Close</ol>"
    assert texts(steps) == ["1. Drain\n1. Open\n- Wait\n9. Rinse\n10. Close"]


def test_definition_lists_stay_together() -> None:
    assert texts("<dl><dt>Term<dd>Meaning</dl>") == ["Term\nMeaning"]


def test_tables_become_rows_of_cells() -> None:
    table = "<table><caption>Prices</caption><tr><th>Plan<th>Price<tr><td>Basic<td><p>5</p><p>EUR</p></table>"
    assert texts(table) == ["Prices\nPlan | Price\nBasic | 5 EUR"]


def test_each_passage_of_a_table_names_it_and_all_its_columns() -> None:
    head = "<caption>Fares<thead><tr><th rowspan=2>Line<th colspan=2>2026<tr><th>Adult<th>Child</thead>"
    rows = "".join(f"<tr><th>{number}<td>{number * 3} EUR<td>{number} EUR" for number in range(200))
    passages = texts(f"<table>{head}<tbody>{rows}</table>")
    assert len(passages) > 1
    assert {passage[: passage.index(" EUR")].rpartition("\n")[0] for passage in passages} == {
        "Fares\nLine | 2026\nLine | Adult | Child"
    }


@pytest.mark.parametrize("sign", ["", "¶", "#", "<svg></svg>"])
def test_a_link_to_a_heading_that_stands_in_it_is_no_part_of_it(sign: str) -> None:
    link = f"<a class=headerlink href='https://a.example/b#notice' title='Link to this heading'>{sign}</a>"
    assert texts(f"<h2>Notice{link}</h2><p>See <a href='#c'>below</a>.") == ["Notice", "See below."]


@pytest.mark.parametrize("tag", ["a", "p><a", "div class=skip><a"])
def test_a_link_past_the_menu_is_left_out(tag: str) -> None:
    page = f"<nav>Home</nav><{tag} href=#main>Skip to content</a></p></div><p>Rent<p><a href=#a>Terms</a>"
    assert texts(page) == ["Rent", "Terms"]


@pytest.mark.parametrize(
    "first",
    [
        "<h1><a href=#a>Rent</a></h1>",
        "<a href=#a>Rent</a> and <a href=#b>Rent</a>",
        "<ul><li><a href=#a>Rent</a></ul>",
        "<p><a href=/a>Rent</a></p>",
    ],
)
def test_other_links_at_the_beginning_stay(first: str) -> None:
    assert "".join(texts(first)).endswith("Rent")


@pytest.mark.parametrize(
    ("page", "doubt"),
    [
        ("<div id=app>Loading…</div><script src=a.js></script>", "without JavaScript the page shows 8 char"),
        ("<form><h1>Sign in</h1><input type=password></form>", "the page asks for a password"),
        ("<main><h1>404</h1><p>Sorry, nothing is here.</p></main>", "the page says '404'"),
        (
            "<head><title>Seite nicht gefunden</title></head><p>Suche</p>",
            "the page says 'Seite nicht gefunden'",
        ),
    ],
)
def test_a_page_with_little_text_that_may_not_be_the_wanted_one_is_doubted(page: str, doubt: str) -> None:
    warnings = read_html(FileContent(page.encode(), is_page=True)).warnings
    assert [warning[: len(doubt)] for warning in warnings] == [doubt]
    assert read_html(FileContent(page.encode())).warnings == ()  # a person chose it
    long = page + "<p>The ferry to Holm leaves at nine.</p>" * 40
    assert read_html(FileContent(long.encode(), is_page=True)).warnings == ()


def test_a_table_used_for_layout_is_read_as_blocks() -> None:
    layout = "<table><tr><td>menu<td><h2>Title</h2><p>Text</p><table><tr><td>a<td>b</table><p>End</table>"
    document = read(layout)
    assert [block.text for block in document.blocks if block.heading_level] == ["Title"]
    assert [block.text for block in document.blocks] == ["menu", "Title", "Text\na | b\nEnd"]


def test_a_table_made_of_other_elements_has_rows_and_cells() -> None:
    head = "<div role=rowgroup><div role=row><span role=columnheader>Plan</span><span role=columnheader>Seats"
    rows = "<div role=row>None</div><div role=row><div role=cell>Pro</div><div role=gridcell><p>20</p></div>"
    assert texts(f"<div role=table>{head}</span></div></div>{rows}</div></div><p>End") == [
        "Plan | Seats\nNone\nPro | 20",
        "End",
    ]


def test_a_row_by_role_in_no_table_is_none() -> None:
    assert texts("<div role=row><p>One</p><p>Two</p></div>") == ["One", "Two"]


@pytest.mark.parametrize(
    "listing",
    [
        "<td class=linenos><pre>1\n2\n</pre><td class=code><div><pre><code>%s</code></pre></div>",
        "<td class='rouge-gutter gl'><pre class=lineno>1\n2\n</pre><td><pre>%s</pre>",
        "<td><pre><span class=lnt>1\n</span><span class=lnt>2\n</span></pre><td><pre>%s</pre>",
        "<td><pre><span class=linenos>1</span>%s</pre>",
    ],
)
def test_code_beside_the_numbers_of_its_lines_keeps_its_lines(listing: str) -> None:
    code = "for <b>x</b> in y:\n    print(x)\n"
    assert texts(f"<table><tr>{listing % code}</table>") == ["for x in y:\n    print(x)"]


def test_a_command_in_a_table_stays_in_its_row() -> None:
    table = "<table><tr><td><pre>ls\n</pre><td>lists<tr><td>Exit<td><pre>a\nb</pre></table>"
    assert texts(table) == ["ls | lists\nExit | a b"]


def test_the_names_of_tabs_stand_apart() -> None:
    assert texts("<div><label>macOS</label><label>Fedora</label></div>") == ["macOS Fedora"]


def test_preformatted_text_keeps_its_lines() -> None:
    assert texts("<pre>def f():\n    return 1\n</pre>") == ["def f():\n    return 1"]


@pytest.mark.parametrize(
    "noise",
    [
        "<del>noise</del>",
        "<span class='mw-editsection'>[<a href=e>noise</a>]</span>",
        "<a href=s><span class='viewcode-link'>[noise]</span></a>",
        "<script>var noise = '<p>noise</p>'</script>",
        "<style>.noise { }</style>",
        "<nav><a>noise</a></nav>",
        "<template><p>noise</p></template>",
        "<noscript>Allow JavaScript to see the noise.</noscript>",
        "<noscript><img src=noise.png></noscript>",
        "<!-- noise -->",
        "<p hidden>noise</p>",
        "<p style='display: none'>noise</p>",
        "<div aria-hidden='true'>noise</div>",
        "<button aria-expanded=false><i></i></button> <div hidden>noise</div>",
        "<ul role=navigation><li>noise</ul>",
        "<button>noise</button>",
        "<div><button class=close>noise</button></div>",
        "<select><option>noise</select>",
        "<svg><defs><text>noise</text></defs></svg>",
        "<img src=noise.png alt='noise.png'>",
        "<input type=hidden value=noise>",
        "<math><annotation>noise</annotation></math>",
    ],
)
def test_what_is_not_content_is_left_out(noise: str) -> None:
    assert texts(f"<p>before</p>{noise}<p>after</p>") == ["before", "after"]


@pytest.mark.parametrize(
    "page",
    [
        "<textarea>Ninety euros</textarea>",
        "<img src=a.png alt='Ninety euros'>",
        "<map><area href=a alt='Ninety euros'></map>",
        "<svg><title>Ninety euros</title></svg>",
        "<svg><text>Ninety <tspan>euros</tspan></text></svg>",
        "<div role=img aria-label='Ninety euros'><i></i></div>",
        "<a href=a aria-label='Ninety euros'><svg><path d='M0'/></svg></a>",
        "<input value='Ninety euros'>",
        "<select><option>Ten<option selected>Ninety euros</select>",
        "<p><math><mi>Ninety</mi> <mi>euros</mi></math></p>",
        "<noscript><p>Ninety euros</p></noscript>",
        "<h2><button>Ninety euros</button></h2>",
        "<button aria-expanded=false>Ninety euros</button>",
        "<div role=region aria-labelledby=a hidden>Ninety euros</div>",
        "<x-y><template shadowrootmode=open><p>Ninety euros</p></template></x-y>",
    ],
)
def test_what_a_page_shows_without_text_in_it_is_read(page: str) -> None:
    assert texts(f"<p>before</p><div>{page}</div><p>after</p>") == ["before", "Ninety euros", "after"]


def test_what_a_title_explains_stands_behind_its_text() -> None:
    assert texts("<p>The <abbr title='Annual Rate'>AR</abbr> is <a title='AR'>9</a>") == [
        "The AR (Annual Rate) is 9"
    ]


@pytest.mark.parametrize("is_page", [True, False])
def test_a_footer_of_the_content_is_content(*, is_page: bool) -> None:
    body = b"<article><p>text</p><footer>by Ada</footer></article><footer>Imprint</footer>"
    found = read_html(FileContent(body, is_page=is_page)).text.split("\n\n")
    assert found == ["text", "by Ada", *(() if is_page else ("Imprint",))]


def test_what_is_shown_without_frames_is_read() -> None:
    page = b"<html><frameset cols='*'>\n<frame src=a><noframes><body><p>Nine</body></noframes></frameset>"
    assert read_html(FileContent(page)).text == "Nine"
    assert read_html(FileContent(page.replace(b"Nine", b"Your browser shows no frames."))).text == ""


def test_a_button_that_asks_stands_above_its_answer() -> None:
    assert texts("<button>How long?</button><div>Nine weeks</div>") == ["How long?", "Nine weeks"]
    [heading, _] = read("<h2><button>Rent</button></h2><div role=region hidden>Nine weeks</div>").blocks
    assert (heading.text, heading.heading_level) == ("Rent", 2)


def test_a_heading_by_its_role_is_one() -> None:
    page = "<h1>Rent</h1><i role=heading aria-level=3><h4>Fees</h4></i><p>Nine</p><b role=heading>Oars</b>Ten"
    levels = [(block.text, block.heading_level) for block in read(page).blocks]
    assert levels == [("Rent", 1), ("Fees", 4), ("Nine", None), ("Oars", 2), ("Ten", None)]
    [heading, _] = read("<p role=heading aria-level=3>Fees</p>Nine").blocks
    assert heading.heading_level == 3


@pytest.mark.parametrize(
    "title",
    [
        "<h2><div>Fees</div><div>due</div></h2>",
        "<div role=heading><p>Fees</p><ul><li>due</ul></div>",
        "<h2><table><tr><td>Fees<td>due</table></h2>",
    ],
)
def test_blocks_in_a_heading_are_its_line(title: str) -> None:
    [heading, text] = read(f"{title}<ul><li>Nine</ul>").blocks
    assert (heading.text, heading.heading_level) == ("Fees due", 2)
    assert text.text == "- Nine"


def test_a_heading_that_is_never_closed_is_not_all_that_follows() -> None:
    blocks = read(f"<h2>Fees{'<p>Nine weeks.</p>' * 20}").blocks
    assert [block.text for block in blocks] == ["Fees", *["Nine weeks."] * 20]
    long = "Nine weeks. " * 30
    assert texts(f"<h2>Fees<p>{long}") == ["Fees", long.strip()]


@pytest.mark.parametrize(
    "question",
    [
        "<h3>How long?</h3>",
        "<div class=q>How long?</div>",
        "<h3><a aria-expanded=false>How long</a></h3>",
        "<h3 aria-controls=a>How long</h3>",
        "<dt>How long</dt>",
    ],
)
def test_an_answer_that_is_folded_up_is_read(question: str) -> None:
    for folded in ("style='display: none'", "hidden", "aria-hidden=true"):
        page = f"<div>{question}\n<!-- a --><div {folded}>Nine <b>weeks</b></div><p hidden>noise</p></div>"
        assert texts(page)[1:] == ["Nine weeks"]


def test_what_hides_behind_an_article_that_ends_with_a_question_is_not_read() -> None:
    article = f"<main>{'<p>Nine weeks.</p>' * 20}<p>Questions?</p></main>"
    assert "noise" not in " ".join(texts(f"{article}<div hidden>noise</div>"))


def test_a_form_keeps_what_was_typed_apart_from_its_labels() -> None:
    assert texts("<form><label>Holder</label><input value='Ottilie'>since<input value=May></form>") == [
        "Holder Ottilie since May"
    ]


def test_markup_that_is_broken_is_read_as_browsers_do() -> None:
    assert texts("<p>one<p>two</div> <b>three<h2>four") == ["one", "two three", "four"]


def test_the_declared_encoding_is_used() -> None:
    page = '<meta charset="windows-1251"><p>Возврат</p>'.encode("cp1251")
    assert read_html(FileContent(page)).text == "Возврат"


def test_an_absurd_encoding_is_not_used() -> None:
    page = '<meta charset="unicode_escape"><p>\\u0041 é</p>'
    assert read_html(FileContent(page.encode())).text == "\\u0041 é"


def test_deep_but_sane_nesting_is_read() -> None:
    depth = MAX_DEPTH - 2
    assert texts("<div>" * depth + "deep" + "</div>" * depth) == ["deep"]


def test_unclosed_paragraphs_are_not_nesting() -> None:
    assert len(texts("<p>x" * (MAX_DEPTH + 10))) == MAX_DEPTH + 10


def test_a_nesting_bomb_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(ExtractionFailed) as caught:
        texts("<div>" * 400_000)
    assert caught.value.code == "too_large"


@pytest.mark.parametrize(
    "tag",
    [
        "<p " + " ".join(f"a{number}" for number in range(200_000)) + ">",
        "<p " + " ".join(f"a{number}='>'" for number in range(100_000)) + ">",
        "<p " + "/".join(f'a{number}="<"' for number in range(100_000)) + ">",
        '<a ="' * 100_000 + '">',
        "<noscript" * 100_000 + ">",
        "<noscript>" * 100_000,
    ],
    ids=["names", "greater", "less", "quotes", "names of elements", "elements"],
)
def test_elements_with_very_many_attributes_take_linear_time(tag: str) -> None:
    started = time.process_time()
    with suppress(ExtractionFailed):
        assert texts(f"<p>Rent</p>\n{tag}Ninety euros</p>")[0] == "Rent"
    assert time.process_time() - started < MOST_S


def test_a_shadow_ends_where_its_template_ends() -> None:
    def page(tag: str, end: str) -> str:
        return f"<x-y><{tag}><template><i>no</i></template>Nine</{end}>Ten</x-y></TEMPLATE>"

    given = page("template shadowrootmode=open", "Template")
    # Left open, it takes quadratic time: each shadow of a page stands in the one before.
    assert prepare(given, is_xhtml=False) == page("div", "div")
    assert texts(given * 2) == ["Nine", "Ten"] * 2


def test_an_element_keeps_its_attributes_however_long_they_are() -> None:
    words = "nine " * 3_000
    [text] = texts(f"<p title='{words}' class='{words}'>Rent</p>")
    assert text.count("nine") == words.count("nine")
