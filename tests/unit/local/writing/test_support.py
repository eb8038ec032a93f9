"""What a written sentence must have in common with its sources: numbers, units, dates and what is denied."""

from __future__ import annotations

import pytest

from calypso_mcp.local.writing.support import Evidence, is_supported

HANDBOOK = """Every employee has 27 days of annual leave. Unused days lapse on 31 March. Employees may work
from home, but not on Mondays. Contractors do not receive a bonus. The notice period is three
months. Entry without a badge is not allowed. Smoking is prohibited in all buildings. The
warranty is void if the seal is broken. Refunds are paid within 30 days of purchase, and
shipping costs are never refunded. Invoices above 500 euros need two signatures. The plant was
founded in 1998 by Ada Lovelace; it was sold in 2004. Revenue increased by 12 percent to 4
million euros. Expense reports must be handed in no later than 5 May. The fair runs from 3 to 5
June. A password has at least 12 characters. Interns are not only paid but also insured."""
GERMAN = """Die Kündigungsfrist beträgt drei Monate. Nicht genommener Urlaub verfällt am 31. März. Hunde
sind im Büro nicht erlaubt. Die Miete ist am 3. Juli fällig und beträgt 900 Euro."""
OTHERS = """Les remboursements ne sont jamais effectués en espèces. La garantie couvre deux ans.
Los empleados no reciben nada en agosto. El plazo vence el 15 de abril.
Договор не продлевается автоматически. Оплата производится 5 марта.
合同不自动续期。保修期为两年。
अनुबंध अपने आप नवीनीकृत नहीं होता है।"""


@pytest.mark.parametrize(
    "sentence",
    [
        "Every employee has 27 days of annual leave.",
        "Unused days of annual leave lapse on 31 March.",
        "Unused days lapse on March 31.",
        "Employees may work from home.",
        "Employees may not work from home on Mondays.",
        "Contractors don't receive a bonus.",
        "No, contractors do not receive a bonus.",
        "The notice period is 3 months.",
        "Entry without a badge is forbidden.",
        "Smoking is not permitted in buildings.",
        "Refunds are paid within 30 days of purchase.",
        "Shipping costs are not refunded.",
        "Invoices above €500 need two signatures.",
        "The plant was founded in 1998 and sold in 2004.",
        "Revenue increased by 12% to 4 million euros.",
        "Expense reports must be handed in by 5 May.",
        "The fair begins on 3 June.",
        "A password has at least 12 characters.",
        "Interns are paid and insured.",
    ],
)
def test_what_the_source_says_stands(sentence: str) -> None:
    assert is_supported(sentence, [Evidence(HANDBOOK)], sentence)


@pytest.mark.parametrize(
    "sentence",
    [
        "Employees do not have 27 days of annual leave.",
        "Every employee has 27 weeks of annual leave.",
        "Unused days never lapse on 31 March.",
        "Unused days lapse on 31 May.",
        "Unused days lapse on 27 March.",
        "Employees may not work from home.",
        "Contractors receive a bonus.",
        "Nobody has annual leave of 27 days.",
        "The notice period is three weeks.",
        "Entry without a badge is allowed.",
        "Smoking is permitted in all buildings.",
        "The warranty is valid if the seal is not broken, and void if it is not broken.",
        "Refunds are not paid within 30 days of purchase.",
        "Refunds are paid within 30 months of purchase.",
        "Shipping costs are refunded.",
        "Invoices below 500 euros need two signatures.",
        "Invoices above 500 dollars need two signatures.",
        "Revenue decreased by 12 percent to 4 million euros.",
        "Revenue increased by 12 percent to 4 billion euros.",
        "A password has at most 12 characters.",
        "The fair ends on 5 July.",
    ],
)
def test_what_the_source_denies_or_measures_otherwise_does_not_stand(sentence: str) -> None:
    assert not is_supported(sentence, [Evidence(HANDBOOK)], sentence)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("Die Kündigungsfrist beträgt 3 Monate.", "Die Kündigungsfrist beträgt 3 Wochen."),
        ("Nicht genommener Urlaub verfällt am 31. März.", "Nicht genommener Urlaub verfällt am 31. Mai."),
        ("Hunde sind im Büro verboten.", "Hunde sind im Büro erlaubt."),
        ("Die Miete beträgt 900 Euro.", "Die Miete beträgt nicht 900 Euro."),
        ("La garantie couvre deux ans.", "La garantie ne couvre pas deux ans."),
        (
            "Les remboursements ne sont pas effectués en espèces.",
            "Les remboursements sont effectués en espèces.",
        ),
        ("Los empleados no reciben nada en agosto.", "Los empleados reciben en agosto."),
        ("El plazo vence el 15 de abril.", "El plazo vence el 15 de mayo."),
        ("Договор не продлевается автоматически.", "Договор продлевается автоматически."),
        ("Оплата производится 5 марта.", "Оплата производится 5 июня."),
        ("合同不自动续期。", "合同自动续期。"),
        ("अनुबंध अपने आप नवीनीकृत नहीं होता।", "अनुबंध अपने आप नवीनीकृत होता है।"),
    ],
)
def test_other_languages_deny_and_measure_in_their_words(right: str, wrong: str) -> None:
    evidence = [Evidence(GERMAN), Evidence(OTHERS)]
    assert is_supported(right, evidence, right)
    assert not is_supported(wrong, evidence, wrong)


def test_a_table_names_the_unit_in_its_header() -> None:
    table = [Evidence("Item | Delivery in days | Price in euros\nDesk | 14 | 230\nChair | 3 | 90")]
    assert is_supported("The desk is delivered in 14 days.", table, "When is the desk delivered?")
    assert not is_supported("The desk is delivered in 14 weeks.", table, "When is the desk delivered?")


def test_only_what_the_close_source_bears_out_needs_no_word_of_the_question() -> None:
    question = "How do I cancel my subscription?"
    close = Evidence("Ending a membership needs a letter to the office.", is_close=True)
    cited = [close, Evidence("The canteen serves soup at noon.")]
    assert is_supported("Ending a membership needs a letter.", cited, question)
    assert not is_supported("The canteen serves soup.", cited, question)
