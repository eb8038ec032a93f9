from __future__ import annotations

import re
from dataclasses import replace

import pytest

from calypso_mcp.local.retrieval.extractive import QUOTATIONS, Question, Said, Source, quotations
from calypso_mcp.local.retrieval.naming import Named
from calypso_mcp.local.retrieval.words.tokens import content_phrases, is_english

RETURNS = Source("Shop", "We sell lamps. A lamp can be returned within thirty days. Shipping is free.", 5.0)
LAMPS = Source("Catalogue", "The lamps are blue. Nobody returned one yet.", 4.0)


def quoted(text: str, *found: Source, share: float = 0.4) -> list[Said]:
    """Return what is quoted when every word tells as much as any other."""
    return quotations(dict.fromkeys(Question(text).phrases(), 1.0), found, share)


def test_the_sentence_with_most_of_the_question_comes_first_and_names_its_passage() -> None:
    found = quoted("When can a lamp be returned?", RETURNS, LAMPS)
    assert found[0] == Said("A lamp can be returned within thirty days.", (0,))
    assert Said("The lamps are blue.", (1,)) in found
    assert "Shipping is free." not in [entry.text for entry in found]
    assert len(found) <= QUOTATIONS


def test_words_are_found_in_their_other_forms() -> None:
    assert quoted("returning lamps", RETURNS)[0].text == "A lamp can be returned within thirty days."


def test_a_stored_answer_to_the_question_comes_before_what_repeats_its_words() -> None:
    stored = Source("Where is the key?", "Under the mat.", 1.0, is_reply=True)
    manual = Source("Panel", "The key switch is on the left.", 0.9)
    assert [entry.text for entry in quoted("Where is the key?", stored, manual)] == [
        "Under the mat.",
        "The key switch is on the left.",
    ]


def test_a_sentence_that_is_repeated_is_quoted_once_from_the_better_passage() -> None:
    twin = Source("Other", "A lamp  can be returned within THIRTY days!", 4.5)
    assert [quotation.sources for quotation in quoted("thirty days", RETURNS, twin)] == [(0,)]


def test_passages_far_below_the_best_are_not_quoted() -> None:
    weak = Source("Other", "Thirty days have September and April.", 2.4)
    assert [quotation.sources for quotation in quoted("thirty days", RETURNS, weak)] == [(0,)]
    assert {quotation.sources for quotation in quoted("thirty days", RETURNS, replace(weak, score=2.6))} == {
        (0,),
        (1,),
    }


@pytest.mark.parametrize(
    "text",
    [
        "## How long can lamps be returned?\n\nUp to a month.",
        "**How long can lamps be returned?**\nUp to a month.",
        "Q: How long can lamps be returned?\nUp to a month.",
        "Is shipping free? It is not. How long can lamps be returned? Up to a month.",
        "How long can lamps be returned\n\nUp to a month.",
    ],
)
def test_what_follows_a_question_is_quoted_instead_of_it(text: str) -> None:
    [first, *others] = quoted("How long can lamps be returned?", Source("", text, 1.0))
    assert first.text == "Up to a month."
    assert not any("?" in other.text for other in others)


def test_an_answer_in_a_line_of_its_own_is_quoted_alone() -> None:
    text = "Q: Is shipping free?\nA: Above fifty euros.\nQ: Can lamps be returned?\nA: Up to a month."
    assert [quotation.text for quotation in quoted("Can lamps be returned?", Source("", text, 1.0))] == [
        "A: Up to a month."
    ]


def test_a_line_of_a_list_without_marks_is_quoted_alone() -> None:
    minutes = Source("Standup", "Ingrid: away until 30 June\nBo: FJ-540\nNext release: 2.4.1 on 25 June", 1.0)
    assert quoted("When is the next release?", minutes) == [Said("Next release: 2.4.1 on 25 June", (0,))]


def test_the_price_on_a_receipt_needs_no_currency() -> None:
    receipt = Source("IMG_2230.png", "Toothpaste 1,45\nVitamin drops 6,99\nSUM EUR 8,44", 1.0)
    question = Question("what did the vitamin drops cost")
    found = quotations(dict.fromkeys(question.phrases(), 1.0), [receipt], 0.4, of_price=question.asks_price)
    assert found == [Said("Vitamin drops 6,99", (0,))]


def test_a_row_of_a_table_is_quoted_with_its_header() -> None:
    table = "| Plan | Price | Seats |\n|---|---|---|\n| Basic | 10 euros | 3 |\n| Pro | 20 euros | 9 |"
    [first, *_] = quoted(
        "price of the Pro plan", Source("Prices", f"Our prices.\n{table}\nAll with tax.", 1.0)
    )
    assert first.text == "Plan: Pro | Price: 20 euros | Seats: 9"


def test_a_passage_counts_with_its_title_and_heading() -> None:
    text = "Fourteen months. Both may share."
    assert quoted("parental leave months", Source("Parental leave", text, 1.0))[0].text == "Fourteen months."
    assert quoted("parental leave months", Source("", text, 1.0)) == []


@pytest.mark.parametrize("question", ["Who won the world cup?", "kangaroo", "", "?"])
def test_passages_that_hold_too_little_of_the_question_are_no_answer(question: str) -> None:
    assert quoted(question, RETURNS, LAMPS) == []


def test_nothing_found_is_no_answer() -> None:
    assert quoted("lamps") == []


def test_a_sentence_that_only_repeats_the_question_is_not_quoted() -> None:
    assert quoted("lamp returns", Source("", "Lamp returns\n\nLamps go back to the shop.", 1.0)) == [
        Said("Lamps go back to the shop.", (0,))
    ]


def test_rare_words_tell_more_and_few_passages_make_no_word_rare() -> None:
    weights = Question("lamp warranty").weights(10_000, [5_000, 3])
    assert weights[1] > 5 * weights[0]
    absent, everywhere = Question("zeppelin lamp").weights(1, [0, 1])
    assert absent < 2 * everywhere


def test_a_short_question_leans_on_what_was_sought_before_at_half_weight() -> None:
    follow_up = Question.following("and for managers?", "How long is the notice period?")
    assert follow_up.phrases() == ['"managers"', '"notice"', '"period"']
    own, *inherited = follow_up.weights(100, [1, 1, 1])
    assert inherited == [own / 2] * 2
    whole = Question.following("What does a parking space cost?", "How long is the notice period?")
    assert whole.sought == "What does a parking space cost?"


@pytest.mark.parametrize(
    ("question", "english", "share"),
    [
        ("How many points did they surrender?", True, 0.4),
        ("What is the notice period?", True, 0.4),
        ("Wie lange ist die Kündigungsfrist?", False, 0.46),
        ("notice period", False, 0.46),
        ("Сколько длится отпуск?", False, 0.34),
        ("何日ですか", False, 0.34),
        ("", False, 0.46),
    ],
)
def test_english_questions_are_told_by_their_stop_words(question: str, english: bool, share: float) -> None:
    assert is_english(question) is english
    assert Question(question).least_share == share


def test_words_of_a_language_without_a_stemmer_count_by_how_they_begin() -> None:
    asked = "Welche Mitarbeiterin kündigte gestern?"
    assert Question(asked).phrases() == ['"mitar"*', '"kündi"*', '"geste"*']
    passage = Source(
        "Haus", "Viele Mitarbeiter haben gekündigt. Am gestrigen Tag Mitarbeitende, Kündigung.", 5.0
    )
    assert quoted(asked, passage, share=0.48)[0].text == "Am gestrigen Tag Mitarbeitende, Kündigung."
    assert quoted(asked, Source("Haus", "Gestern regnete es.", 5.0), share=0.48) == []


@pytest.mark.parametrize(
    ("question", "telling"),
    [
        ("Wie hoch ist die Kaltmiete für Halle 9?", "Kaltmiete Halle 9"),
        ("Y a-t-il un parking à l'étage ?", "parking à étage"),
        ("¿Cuánto cuesta la bomba?", "bomba"),
    ],
)
def test_only_words_that_tell_what_is_asked_count(question: str, telling: str) -> None:
    assert Question(question).phrases() == [
        phrase for word in telling.split() for phrase in Question(word).phrases()
    ]


def test_a_row_answers_a_question_in_whole_sentences() -> None:
    rents = "| Objekt | Kaltmiete |\n|---|---|\n| Halle 7 | 2.310 € |\n| Halle 9 | 3.480 € |"
    asked = "Wie hoch ist die Kaltmiete für Halle 9?"
    assert (
        quoted(asked, Source("Preise", rents, 5.0), share=0.46)[0].text
        == "Objekt: Halle 9 | Kaltmiete: 3.480 €"
    )


def test_a_heading_in_other_forms_of_the_words_only_repeats_the_question() -> None:
    passage = Source("Haus", "Kündigungen der Mitarbeitenden\n\nDrei Monate zum Ende des Quartals.", 5.0)
    found = quoted("Kündigung der Mitarbeiter?", passage, share=0.48)
    assert [entry.text for entry in found] == ["Drei Monate zum Ende des Quartals."]


def test_a_title_that_the_citation_shows_is_quoted_only_where_nothing_else_is() -> None:
    hours = "Hours of the workshop"
    context = f"Handbook\n{hours} > Summer"
    assert [entry.text for entry in quoted("When is the workshop open?", Source(context, hours, 5.0))] == [
        hours
    ]
    longer = Source(context, f"{hours}\n\nWe open at seven.", 5.0)
    assert [entry.text for entry in quoted("When is the workshop open?", longer)] == ["We open at seven."]


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Combien coûte le piano ?", "Le piano : 32 € la séance."),
        ("Wie viel kostet der Klimaservice?", "Klimaservice 110 €."),
        ("What does it cost to bring dogs?", "Dogs stay for 12 EUR a night."),
        ("What does a parking space cost?", "A parking space costs twenty euros a month."),
        ("Combien coûte un casque ?", "Le casque est gratuit."),
        ("Quel est le prix d'une révision ?", "Une révision : 79 €."),
        ("Wat kost een kluisje?", "Een kluisje: 10 euro."),
        ("What is the fee for parking?", "Parking: $5."),
        ("Ile kosztuje parking?", "Parking: 20 zł."),
        ("Vad kostar parkering?", "Parkering: 20kr."),
        ("What does parking cost?", "Parking: INR500."),
        ("What does parking cost?", "Parking is included."),
        ("Was kostet das Parken?", "Das Parken ist inbegriffen."),
    ],
)
def test_a_price_is_answered_without_the_word_that_asks_for_it(text: str, answer: str) -> None:
    question = Question(text)
    passages, counts = (
        4,
        [int(re.search("cost|kost|wat", phrase) is None) for phrase in question.phrases()],
    )
    weights = dict(zip(question.phrases(), question.weights(passages, counts), strict=True))
    [found] = quotations(weights, [Source("", answer, 1.0)], question.least_share, of_price=True)
    assert question.asks_price
    assert found.text == answer


@pytest.mark.parametrize(
    "text",
    [
        "Bicycles can be hired at the reception.",
        "Bicycles: the BX-200, the X40.",
        "Bicycles are hired out until 30 August, from 9:00.",
        "There are 12 bicycles.",
    ],
)
def test_what_states_no_price_is_no_answer_to_a_question_for_a_price(text: str) -> None:
    question = Question("What do the bicycles cost?")
    weights = dict.fromkeys(question.phrases(), 1.0)
    source = Source("", text, 1.0)
    assert quotations(weights, [source], question.least_share)
    assert not quotations(weights, [source], question.least_share, of_price=question.asks_price)
    assert not Question("Who hires out bicycles?").asks_price


@pytest.mark.parametrize("heading", ["Prices", "Price list", "Hairdresser\nFees (EUR)", "Preisliste"])
def test_a_number_below_a_heading_of_prices_is_a_price(heading: str) -> None:
    question = Question("What does a haircut cost?")
    weights = dict.fromkeys(question.phrases(), 1.0)
    for text, is_quoted in [("Haircut: 40", True), ("Haircuts are given by Ann.", False)]:
        source = Source(heading, text, 1.0)
        assert bool(quotations(weights, [source], question.least_share, of_price=True)) == is_quoted
    hours = Source("Opening hours", "Haircuts until 18:00", 1.0)
    assert not quotations(weights, [hours], question.least_share, of_price=True)


@pytest.mark.parametrize(
    ("text", "passage"),
    [
        ("When is the fee due?", Source("Membership fee", "It is due on 1 March.", 1.0)),
        ("Who pays the fees?", Source("Fees", "The employer pays.", 1.0)),
        ("Wann ist die Gebühr fällig?", Source("Gebühr", "Sie ist am 1. März fällig.", 1.0)),
        ("Is there a fee?", Source("Is there a fee?", "Only for late orders.", 1.0, is_reply=True)),
        ("What does parking cost?", Source("FAQ", "What does parking cost?\n\nAsk at the desk.", 1.0)),
    ],
)
def test_what_only_mentions_a_price_or_answers_the_very_question_need_not_state_one(
    text: str, passage: Source
) -> None:
    question = Question(text)
    weights = dict.fromkeys(question.phrases(), 1.0)
    assert quotations(weights, [passage], question.least_share, of_price=question.asks_price)


def test_a_price_below_a_heading_answers_for_what_the_heading_names() -> None:
    question = Question("Was kostet die Skifreizeit?")
    text = "Die Fahrt dauert vom 2. bis 8. Januar. Im Preis von 420 Euro ist die Halbpension enthalten."
    source = Source("fahrt.md\nSkifreizeit in Oberstdorf", text, 1.0)
    weights = dict.fromkeys(question.phrases(), 1.0)
    [found] = quotations(weights, [source], question.least_share, of_price=question.asks_price)
    assert found.text.startswith("Im Preis von 420 Euro")


@pytest.mark.parametrize(
    ("text", "telling"),
    [
        ("Wo ist die Geschäftsstelle?", ["geschäftsstelle"]),
        ("Welche Frist gilt für den Austritt?", ["frist", "austritt"]),
        ("What is the phone number of payroll?", ["number", "payroll"]),
        ("Quel est le montant du loyer ?", ["loyer"]),
        ("¿Cuál es el teléfono de urgencias?", ["urgencias"]),
        ("Qual è il numero di telefono della segreteria?", ["segreteria"]),
        ("Hoe laat beginnen de lessen?", ["beginnen", "lessen"]),
        ("Wie lang ist die Kündigungsfrist?", ["kündigungsfrist"]),
        ("A che ora apre la palestra?", ["apre", "palestra"]),
        ("Hur mycket kostar medlemsavgiften?", ["medlemsavgiften"]),
        ("Quem é o diretor da escola?", ["diretor", "escola"]),
        ("Kto jest kierownikiem sklepu?", ["kierownikiem", "sklepu"]),
        ("Vad kostar ett kort för barn?", ["kort", "barn"]),
        ("¿Cuántos días de vacaciones tengo?", ["vacaciones"]),
        ("¿Cuánto dura la garantía?", ["garantía"]),
        ("Combien de temps faut-il pour un passeport ?", ["passeport"]),
        ("Wo bekomme ich einen Ausweis, und was brauche ich?", ["ausweis"]),
        ("Quanto dura la pausa?", ["pausa"]),
        ("Hoe lang duurt de pauze?", ["pauze"]),
        ("Ile trwa przerwa?", ["przerwa"]),
        ("Nehrin adresi nedir?", ["nehrin", "adresi"]),
        ("Сколько длится обед?", ["обед"]),
        ("Waar vind ik de sleutel?", ["sleutel"]),
        ("会長は誰ですか", ["会長", "長は"]),
        # Words that only ask in one language tell something in another, or as a part of other words.
        ("Do temps get paid?", ["temps", "paid"]),
        ("Hur stark vind tål tältet?", ["stark", "vind", "tål", "tältet"]),
        ("विटामिन सी", ["विटामिन", "सी"]),
        ("कौन सी नदी?", ["नद"]),
        ("Where do I charge the e-bike?", ["charge", "e", "bike", "ebike"]),
        ("Which OS does the O-ring need?", ["os", "o", "ring", "oring"]),
        ("Which os does the app need?", ["os", "app"]),
        ("Where is the van parked?", ["van", "parked"]),
        ("Waar is de sleutel van het hek?", ["sleutel", "hek"]),
        ("AI policy", ["ai", "policy"]),
        ("Vitamin E", ["vitamin", "e"]),
        ("WANN IST DIE SITZUNG?", ["sitzung"]),
        ("È aperto? Dov'è?", ["aperto", "dov"]),
    ],
)
def test_words_that_only_ask_or_join_count_for_nothing_in_a_question(text: str, telling: list[str]) -> None:
    assert content_phrases(text) == [f'"{word}"' for word in telling]


def test_a_word_of_five_letters_is_answered_by_words_that_begin_with_it() -> None:
    passage = Source("Kassenbericht", "Anwesend waren alle. Der Kassenstand beträgt 11.264 €.", 1.0)
    assert quoted("Wie viel ist in der Kasse?", passage)[0].text == "Der Kassenstand beträgt 11.264 €."


def test_no_sentence_of_a_heading_that_asks_is_quoted() -> None:
    heading = "I installed the update on my disk. Now the disk is full. What should I do?"
    passage = Source(f"FAQ\nFAQ > {heading}", f"{heading}\n\nDelete the old files with the cleaner.", 1.0)
    assert [entry.text for entry in quoted(heading, passage)] == ["Delete the old files with the cleaner."]


def test_a_sentence_counts_with_the_headings_above_it_which_are_not_quoted_themselves() -> None:
    versions = [
        ("Changes > 3.4.0", "3.4.0\n\nRequires Python 3.11."),
        ("Changes > 3.3.0", "3.3.0\n\nRequires Java."),
    ]
    passage = Source("Changes", "\n\n".join(text for _, text in versions), 1.0, sections=versions)
    for number, answer in [("3.4.0", "Requires Python 3.11."), ("3.3.0", "Requires Java.")]:
        assert quoted(f"What does {number} require?", passage)[0].text == answer
    headings = {text.partition("\n")[0] for _, text in versions}
    assert headings.isdisjoint(entry.text for entry in quoted("3.3.0 requires", passage))


@pytest.mark.parametrize("question", ["Summarize the travel policy", "Tell me about travel"])
def test_a_question_for_a_document_quotes_what_stands_below_its_headings(question: str) -> None:
    text = "Travel policy\n\nTrains\n\nFirst class is allowed above four hours."
    passage = Source("Travel policy\nTravel policy > Trains", text, 1.0)
    said = [entry.text for entry in quoted(question, passage)]
    assert said == ["First class is allowed above four hours."]


@pytest.mark.parametrize(
    "items",
    [
        ["1. Ada", "2. Bo after ten minutes", "3. Cy"],
        ["- Ada,", "- Bo after ten minutes,", "- Cy."],
        ["who: Ada | after: 0 min", "who: Bo | after: 10 min"],
        ["Mon: Ada, from 9", "Tue: Bo", "Wed: Cy"],
    ],
)
def test_a_list_below_the_heading_asked_for_is_quoted_as_a_whole(items: list[str]) -> None:
    text = "\n".join(["Escalation", "", *items, "", "The canteen is closed."])
    found = quoted("Who do I escalate to?", Source("On-call > Escalation", text, 1.0))
    assert [entry.text for entry in found] == items


def test_the_answers_to_other_questions_are_no_list_of_answers_to_the_first() -> None:
    text = "Q: Is smoking allowed?\nA: Never.\nQ: Who has the keys?\nA: Ada."
    found = quoted("Is smoking allowed?", Source("Rules", text, 1.0))
    assert [entry.text for entry in found] == ["A: Never."]


def test_neither_a_greeting_nor_the_sender_answers_for_the_subject_of_a_letter() -> None:
    text = "Roof works\n\nFrom: hv@elbe.example\nDate: 19 Mar\n\nDear owner of a roof,\n\nKeep it shut."
    found = quoted("When are the roof works?", Source("Roof works", text, 1.0))
    assert [entry.text for entry in found] == ["Keep it shut."]


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("When is the annual meeting?", "Date: 19 Mar"),
        ("Who signs for the annual meeting?", "From: Elbe Ltd"),
    ],
)
def test_a_date_or_origin_that_no_letter_states_answers_for_its_heading(question: str, answer: str) -> None:
    text = f"Annual meeting\n\n{answer}\nPlace: Hall 3"
    assert quoted(question, Source("Annual meeting", text, 1.0))[0].text == answer


def test_a_heading_without_text_is_not_answered_by_the_next_section() -> None:
    sections = (("Shop > Fees", "Fees"), ("Shop > Delivery", "Delivery\n\nWithin three days."))
    text = "\n\n".join(text for _, text in sections)
    assert quoted("What are the fees?", Source("Shop", text, 1.0, sections=sections)) == []


def test_a_heading_that_states_a_value_is_quoted() -> None:
    heading = "Price: 90 EUR"
    section = (f"Hotel > {heading}", f"{heading}\n\nThe price includes breakfast.")
    passage = Source("Hotel", section[1], 1.0, sections=[section])
    assert heading in [entry.text for entry in quoted("What is the price?", passage)]


def test_a_sentence_that_names_its_file_is_no_better_than_others_of_the_file() -> None:
    passage = Source(
        "Halvorsen Marine report 2022",
        "Halvorsen Marine is a leading provider of feed. The dividend is 2.03 per share.",
        1.0,
    )
    found = quoted("What is the dividend of Halvorsen Marine in 2022?", passage)
    assert found[0].text == "The dividend is 2.03 per share."


@pytest.mark.parametrize(
    ("text", "passage"),
    [
        ("What is the rent in 2025?", Source("Lease", "The rent is 700 in 2023 and 720 in 2024.", 1.0)),
        ("Survey result 2021", Source("Minutes\n16 January 2024", "The survey had a good result.", 1.0)),
        ("Who is the fire warden of floor 3?", Source("", "The fire warden of floor 1 is Olu.", 1.0)),
        ("Zimmer 3 pro Nacht", Source("Preise", "Zimmer 1 kostet 50 Euro pro Nacht.", 1.0)),
        ("Wie is de mentor van klas 3A?", Source("", "Mentor van klas 2B is mevrouw Visser.", 1.0)),
        ("What does the charger for the X9 cost?", Source("", "Charger for the X7: cost 59 EUR", 1.0)),
        ("When is invoice 20500 due?", Source("Invoice 20433", "Due: 5 July.", 1.0)),
        ("エラーE9が出たら", Source("", "エラーE3が出たら販売店に連絡してください。", 1.0)),
        ("2025年の会費はいくらですか", Source("", "2024年の会費は2,400円です。", 1.0)),
        ("2025년 회비는 얼마입니까", Source("", "2024년 회비는 12,000원입니다.", 1.0)),
        ("Do you ship to Brazil?", Source("FAQ", "**Do you ship to Norway?**\nYes, for 19 EUR.", 1.0)),
        ("Do you ship to Brazil?", Source("FAQ > Do you ship to Norway?", "We ship there for 19 EUR.", 1.0)),
    ],
)
def test_what_speaks_of_another_year_number_or_code_is_no_answer(text: str, passage: Source) -> None:
    question = Question(text)
    weights = dict.fromkeys(question.phrases(), 1.0)
    assert quotations(weights, [passage], 0.2)
    assert not quotations(weights, [passage], 0.2, named=Named.by(text))


def test_among_passages_about_several_years_only_the_one_asked_for_is_quoted() -> None:
    reports = [
        Source(f"Report {year}", f"The dividend is {share} per share.", 1.0)
        for year, share in [(2022, "2.03"), (2023, "2.04")]
    ]
    text = "What was the dividend per share in 2023?"
    weights = dict.fromkeys(Question(text).phrases(), 1.0)
    assert [entry.text for entry in quotations(weights, reports, 0.4, named=Named.by(text))] == [
        "The dividend is 2.04 per share."
    ]


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Can I return 3 lamps?", "You can return 5 lamps at most."),
        ("How many days of leave are there in 2025?", "There are 27 days of leave."),
        ("What changed from 2020 to 2021?", "What changed: sales rose in 2021."),
        ("Employees at year end 2021", "Employees at year end 10,331, in 2021 9,118."),
        ("Who joined the company before 2015?", "Anna joined the company in 2012."),
        ("Has the fee been raised since the end of 2020?", "The fee was raised in 2022."),
        ("会費は2000円ですか", "2024年の会費は2,000円です。"),
        ("宿泊費15000円は認められますか", "宿泊費は12000円まで認められます。"),
        ("2020年以降に改修されたのはどこですか", "2021年にサウナが改修されました。"),
        ("2015年より前に入社したのは誰ですか", "佐藤さんは2012年に入社しました。"),
        ("2020年之后加入公司的是谁？", "王芳2022年加入公司。"),
        ("Was wurde seit 2020 renoviert?", "Die Sauna wurde 2021 renoviert."),
        ("Which projects ran from 2019 to 2023?", "Some projects ran in 2021."),
        ("Can I work from Spain?", "Work from abroad is limited to 20 days."),
        ("Do you ship to Brazil?", "Do you ship abroad? Yes, we ship for 19 EUR."),
        ("Which projects ran 2019\u20132023?", "Some projects ran in 2021."),
    ],
)
def test_amounts_and_years_that_nothing_contradicts_are_no_obstacle(text: str, answer: str) -> None:
    weights = dict.fromkeys(Question(text).phrases(), 1.0)
    assert quotations(weights, [Source("", answer, 1.0)], 0.2, named=Named.by(text))


@pytest.mark.parametrize(
    ("question", "required"),
    [
        ("Which model is PR-402?", ["pr 402"]),
        ("What is the default of ORDERS_LOG_LEVEL?", ["orders log level"]),
        ("What was fixed in 3.5.2?", ["3 5 2"]),
        ("What is the margin of Antarctica?", ["antarctica"]),
        ("Can I send 3kg within 24h on 2024-05-02 as in the 1990s?", []),
        ("Can I use a 100W bulb at 12V?", []),
        ("Can I work from Spain?", []),
        ("Who is the CEO?", []),
        ("Wie hoch ist die Miete der Garage?", []),
        ("Was ist die Kaution?", []),
        ("注文20417号の合計は12000円ですか", ["20417"]),
    ],
)
def test_codes_and_names_must_be_found_somewhere(question: str, required: list[str]) -> None:
    assert [phrases[0] for phrases in Named.by(question).required] == [f'"{phrase}"' for phrase in required]


def test_of_a_pasted_log_only_some_codes_are_looked_up() -> None:
    log = " ".join(f"worker-{number}x" for number in range(500))
    assert len(Named.by(f"Why did it stop at W{log}?").required) < 20
