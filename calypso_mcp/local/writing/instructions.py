"""Finds sentences of documents that speak to a language model: it is not shown them, and none is evidence.

This catches the usual forms in English, German, French and Spanish. A sentence that it misses must still pass
`support`: a statement needs evidence that has to do with the question.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from calypso_mcp.domain.unicode_forms import normalize
from calypso_mcp.domain.untrusted_text import clean
from calypso_mcp.local.indexing.formats.tables import CELL_SEPARATOR
from calypso_mcp.local.retrieval import sentences

_WITHHELD = "[...]"
#: Emphasis, and the underscores in place of spaces in file names.
_MARKUP = str.maketrans({"*": None, "`": None, "_": " "})
_PARAGRAPH_END = re.compile(r"\n[ \t]*\n")
_MODEL = r"\b(?:assistants?|chatbots?|bots?|(?:large )?language models?|llms?|a\.?i\.?s?|gpt|claude|gemini)\b"
_SAY = (
    r"\b(?:say|answer|reply|respond|state|claim|write|print|output|append|add|include|begin|start|end|finish"
    r"|insert)\b"
)
_RESULT = r"(?:answer|response|reply|output|completion|summary)"
_FORMS = (
    # To set aside what was said before.
    (r"\b(?:ignore|disregard|forget|override|bypass|drop)\b.{0,60}"
    r"\b(?:instructions?|prompts?|rules?|above|previous|prior|context|everything|guidelines?|passages?|sources?)\b"),
    (r"\b(?:ignorier\w*|vergiss|vergessen sie|missachte\w*)\b.{0,60}"
    r"\b(?:anweisung\w*|regeln?|vorherig\w*|alles|bisherig\w*)\b"),
    r"\b(?:ignore[rz]?|oublie[rz]?)\b.{0,60}(?:\binstructions?\b|\bconsignes?\b|pr\u00e9c\u00e9dent)",
    r"\b(?:ignora|ignore|olvida|olvide)\b.{0,60}(?:instruccion|\breglas?\b|anterior)",
    # To a model as such.
    r"\b(?:system|developer|hidden|secret)[ _-]?(?:prompt|message|instruction|note|override)s?\b",
    r"\b(?:new|updated|important|urgent|additional|special)\b.{0,20}\binstructions?\b",
    _MODEL + r".{0,80}\b(?:must|should|shall|please|always|never|do not|don't|has to|have to|need to)\b",
    _MODEL + r".{0,80}" + _SAY,
    r"\b(?:attention|note|notice|message|instructions?|hint)\b.{0,20}\b(?:to|for)\b.{0,20}" + _MODEL,
    r"\b(?:you are|you're|act as|pretend to be|behave as|roleplay as)\b.{0,60}"
    r"(?:" + _MODEL + r"|\b(?:model|mode|admin|administrator|pirate|dan|unrestricted|jailbroken)\b)",
    r"\b(?:if|when|as)\b you(?: are|'re) (?:reading|processing|summari[sz]ing|asked|an?\b)",
    # About the answer.
    r"\b(?:your|the|every|each|all|any) (?:final |next )?" + _RESULT + r"s?\b.{0,60}"
    r"\b(?:must|should|shall|with|only|exactly|be|contain|include|starts?|begins?|ends?)\b",
    _SAY + r".{0,40}\b(?:exactly|verbatim|only|instead|nothing else)\b",
    _SAY + r".{0,40}\bthe (?:exact )?(?:words?|phrase|string|token|code|text)\b",
    _SAY + r".{0,40}\b(?:your|every|each|all|any) (?:final |next )?" + _RESULT,
    r"\b(?:if|when|whenever)\b.{0,80}\bask(?:s|ed|ing)?\b.{0,120}" + _SAY,
    (r"\b(?:do not|don't|never)\b.{0,20}\b(?:tell|reveal|mention|cite|disclose|inform|quote)\b.{0,60}"
    r"\b(?:user|reader|human|source|this|passage|document|question)"),
    r"\btell (?:the )?(?:user|reader|human|asker)\b",
    r"\b(?:antworte\w*|schreibe?n?|sage?n?)\b.{0,40}\b(?:nur|immer|genau|stattdessen|ausschlie\u00dflich)\b",
    (r"\b(?:r\u00e9ponds|r\u00e9pondez|r\u00e9pondre|\u00e9cris|\u00e9crivez)\b.{0,40}"
    r"\b(?:toujours|seulement|uniquement|exactement)\b"),
    (r"\b(?:responde|responda|escribe|escriba|di)\b.{0,40}"
    r"\b(?:siempre|solo|s\u00f3lo|\u00fanicamente|exactamente)\b"),
    # Marks of a conversation.
    r"</?\s?(?:system|assistant|user|instructions?|passage|prompt|context)\b",
    r"\[/?(?:inst|system|assistant)\b|<\|",
    r"^\W{0,6}(?:system|assistant|user|human|instructions?)\W{0,3}:",
)  # fmt: skip
_ADDRESSED = re.compile("|".join(_FORMS), re.IGNORECASE)


def withhold(text: str) -> str:
    """Return the sentences of `text` with a mark in place of those that speak to a model.

    The mark also replaces the rest of the paragraph, but in a table only the row.
    """
    return "\n\n".join("\n".join(_kept(paragraph)) for paragraph in _PARAGRAPH_END.split(text))


def _kept(paragraph: str) -> Iterator[str]:
    is_table = CELL_SEPARATOR in paragraph
    for sentence in sentences.split(paragraph):
        if _ADDRESSED.search(_plain(sentence)) is None:
            yield sentence
            continue
        yield _WITHHELD
        if not is_table:
            return


def _plain(sentence: str) -> str:
    """Return what a model reads: one form of each letter (Unicode UAX #15), no hidden marks, no emphasis."""
    return normalize("NFKC", clean(sentence)).translate(_MARKUP)
