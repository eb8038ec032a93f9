# ruff: noqa: RUF001  other scripts have letters that look like Latin ones
from __future__ import annotations

import hashlib
from itertools import pairwise

import pytest

from calypso_mcp.local.retrieval import index
from calypso_mcp.local.retrieval.words.tokens import (
    MAX_QUERY_TERMS,
    TOKENIZER,
    bucket_token,
    index_text,
    kept_together,
    query_phrases,
)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("plain words stay", "plain words stay"),
        ("naïve café", "naïve café"),
        ("FY22 QX22 fy1998", "FY22 FY 22 2022  QX22 QX 22  fy1998 fy 1998 "),
        ("退款政策", "退款 款政 政策 策"),
        ("第13条", "第 13 条"),
        ("返金ポリシー", "返金 金ポ ポリ リシ シー ー"),
        ("ที่นี่", "ที่นี่ นี่"),
        ("ខ្មែរ", "ខ្មែ មែរ រ"),
        ("환불은", "환불 불은 은"),
        ("Правилами", "правил"),
        ("والمدرسة", "مدرس"),
        ("नियमों", "नियम"),
        ("ＡＢＣ１", "ABC1"),
        ("a\ue000b", "a b"),
    ],
)
def test_text_becomes_the_tokens_of_its_script(text: str, tokens: str) -> None:
    assert index_text(text).split() == tokens.split()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("правилами", "правило"),
        ("возврат", "возвраты"),
        ("возврата", "возвратов"),
        ("новая", "новых"),
        ("الكتاب", "كتاب"),
        ("المدرسة", "مدرسه"),
        ("किताब", "किताबें"),
    ],
)
def test_forms_of_a_word_share_a_stem(one: str, other: str) -> None:
    assert index_text(one) == index_text(other)


def test_english_stop_words_are_dropped_from_queries() -> None:
    assert query_phrases("What is the refund period?") == ['"refund"', '"period"']


@pytest.mark.parametrize(
    ("question", "telling"),
    [
        ("Wie heißt der Hund?", "heißt der Hund"),
        ("Où est la gare ?", "est la gare"),
        ("Ποιος έγραψε;", "έγραψε"),
        ("Сколько стоит билет?", "стоит билет"),
        ("متى بدأت؟", "بدأت"),
        ("कौन जीता?", "जीता"),
    ],
)
def test_question_words_of_other_languages_are_dropped_from_queries(question: str, telling: str) -> None:
    assert query_phrases(question) == query_phrases(telling)


def test_a_query_of_stop_words_only_keeps_them() -> None:
    assert query_phrases("to be or not to be") == ['"to"', '"be"', '"or"', '"not"']


@pytest.mark.parametrize(
    ("question", "telling"),
    [
        ("退款多少", "退款"),
        ("任何人可以申请吗", "任何人可以申请"),
        ("会議はいつどこで", "会議は で"),
        ("次回はいつですか", "次回は"),
        ("いくら丼はいくらですか", "いくら丼は"),
    ],
)
def test_question_words_that_no_space_sets_off_are_dropped_from_queries(question: str, telling: str) -> None:
    assert query_phrases(question) == query_phrases(telling)


@pytest.mark.parametrize(
    "word", ["見どころ", "しだれ桜", "思いつく", "近いつながり", "降りますから", "幾何分布", "任何人"]
)
def test_words_that_a_question_word_is_only_a_part_of_are_looked_for_whole(word: str) -> None:
    assert query_phrases(word) == [f'"{pair}"' for pair in map("".join, pairwise(word))]


def test_a_lone_character_is_looked_for_as_the_start_of_a_pair() -> None:
    assert query_phrases("猫") == ['"猫"*']


def test_single_characters_between_digits_are_kept() -> None:
    assert query_phrases("第13条") == ['"第"*', '"13"', '"条"*']


def test_repeated_words_are_looked_for_once() -> None:
    assert query_phrases("refund REFUND Refund") == ['"refund"']


@pytest.mark.parametrize(
    "query",
    ["", "   ", "\"'*()^:+-", "\x00\x01", "\ue000\ue001", "🙂", "\ufffd"],
    ids=["empty", "blank", "syntax", "control", "private use", "emoji", "replacement"],
)
def test_a_query_without_words_has_no_phrases(query: str) -> None:
    assert query_phrases(query) == []


def test_phrases_never_hold_query_syntax() -> None:
    phrases = query_phrases('a" OR buckets:x NEAR(b c, 2) ^d -e * {title}:f')
    assert all(phrase.removesuffix("*").strip('"').isalnum() for phrase in phrases)


def test_a_huge_query_is_cut_to_a_bounded_number_of_words() -> None:
    assert len(query_phrases(" ".join(f"word{number}" for number in range(100_000)))) == MAX_QUERY_TERMS


def test_composed_and_decomposed_letters_are_the_same_word() -> None:
    assert query_phrases("cafe\u0301") == query_phrases("caf\u00e9")


def test_no_text_can_pass_for_a_bucket_token() -> None:
    token = bucket_token("bucket_1")
    assert index_text(f"before {token} after").split() != ["before", token, "after"]
    assert token not in index_text(token)


@pytest.mark.parametrize(
    ("query", "words"), [("ω-3 fats", "omega 3"), ("R&D, Ⅳ-2", "r d|iv 2"), ("an e-mail", "")]
)
def test_what_is_kept_together_is_spelled_as_in_the_index(query: str, words: str) -> None:
    assert "|".join(phrase.strip('"') for phrase in kept_together(query)) == words


def test_bucket_tokens_differ_as_their_ids_do() -> None:
    assert len({bucket_token(bucket) for bucket in ("a", "A", "á", "a b", "ab", "bucket_a")}) == 6


def test_a_change_of_the_tokens_comes_with_a_new_format() -> None:
    """Words leave the index by being stated again, so stored indexes must be rebuilt by a new format."""
    sample = "Refund退款ポリシー ที่นี่ ພາສາ ភាសា မြန်မာ 환불은 Правилами возвращаться والمدرسة नियमों ＡＢＣ"
    sample += " Straße ΑΘΗΝΑ Łódź CO₂ POL-358 getUserName C++ .NET v3.11.4 a/b.md 1,234.56 TNF-α FY22"
    written = hashlib.sha256(f"{TOKENIZER} {index_text(sample)}".encode()).hexdigest()[:16]
    assert (index.FORMAT, written) == (3, "5862c769a8cdbeb5")
