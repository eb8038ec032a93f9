"""Decides whether a sentence contradicts its source by denying or affirming the opposite.

Compared clause by clause: each clause of the sentence with the clauses of the source that share most words
with it. A pair of negations cancels out. This is a check of words in the languages below, not of logic.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

#: Returns the beginnings of the content words of a text.
Stems = Callable[[str], frozenset[str]]

_EDGES = ".,;:!?()[]{}\"'`*\u2018\u2019\u201c\u201d\u3002\u0964\u061f"
#: Each denies by itself.
_DENYING = """
    not no never none nobody nothing neither nor without cannot unless nowhere forbidden prohibited
    prohibits forbids banned excluded excludes impossible unable refuses refused denied denies nicht kein
    keine keinen keinem keiner keines nie niemals niemand nichts ohne weder verboten ausgeschlossen
    untersagt sans interdit interdite sin prohibido prohibida senza vietato vietata sem proibido proibida
    niet geen nooit niemand niets zonder verboden inte ikke ingen aldrig utan uden bez değil yok asla χωρίς
    без запрещено لا لم لن ليس ليست بدون नहीं बिना
"""
#: In their languages, several of them in one clause deny once.
_DENYING_TOGETHER = """
    pas jamais aucun aucune rien ni nunca jamás ningún ninguno ninguna nada tampoco non mai nessun nessuno
    nessuna niente não nenhum nenhuma nigdy δεν μην όχι ποτέ не нет ни никогда никто нельзя
"""
_NEGATIONS = frozenset(_DENYING.split())
_JOINED_NEGATIONS = frozenset(_DENYING_TOGETHER.split())
#: In scripts without spaces, a negation is part of a run of characters.
_NEGATED_RUN = re.compile("[不没沒未無无](?![仅僅但同过過论論])")
#: Words that look like a negation and deny nothing.
_NEUTRAL = re.compile(
    r"\b(?:not only|no (?:later|more|less|fewer|sooner) than|not (?:later|more|less) than|no matter"
    r"|nothing but|not to mention|nicht nur|nicht (?:mehr|später|weniger) als|non seulement|pas seulement"
    r"|no s[oó]lo|non solo|não só|не только)\b"
)
#: "No, ...": of the answer as a whole.
_ANSWERED = re.compile(r"^\W*(?:no|nein|non|não|nee|nej|нет|لا|नहीं)\s*[,.:;!\u060c]\s*")
_BOUNDARY = re.compile(
    r"[,;:()\u2013\u2014\uff0c\uff1b\u3001\u060c]\s*"
    r"|\s(?=(?:but|however|although|though|while|whereas|because|aber|jedoch|obwohl|sondern|mais|pero|aunque|ma|mas"
    r"|maar|но)\s)"
)
_LINK = re.compile(r"\s(?:and|or|und|oder|et|ou|y|e|en|och|og|ve|και|и|और)\s")
#: Words on each side of an `and` that links two clauses, not two things.
_FEWEST_LINKED = 4
_PREFIXES = ("un", "in", "im", "il", "ir", "dis", "non")
_SHORTEST_OPPOSED = 4
#: Beginnings of words that exclude each other.
_OPPOSITES = (
    ("increas", "decreas"), ("increas", "reduc"), ("rise", "fall"), ("rose", "fell"), ("grew", "shrank"),
    ("before", "after"), ("minimum", "maximum"), ("at least", "at most"), ("at least", "up to"),
    ("more than", "less than"), ("more than", "fewer than"), ("above", "below"),
    ("accept", "reject"),
    ("mandatory", "optional"), ("mandatory", "voluntary"), ("required", "optional"),
    ("enabl", "disabl"), ("opens", "closes"), ("begins", "ends"), ("starts", "ends"), ("higher", "lower"),
    ("earlier", "later"), ("always", "never"), ("approv", "reject"), ("profit", "loss"), ("won", "lost"),
    ("steig", "sink"), ("stieg", "sank"), ("mindestens", "höchstens"), ("mindestens", "maximal"),
    ("vorher", "nachher"), ("au moins", "au plus"), ("avant", "après"),
    ("al menos", "como máximo"), ("antes", "después"),
)  # fmt: skip
_BOTH_WAYS = tuple(
    (re.compile(rf"\b{first}"), re.compile(rf"\b{other}"))
    for pair in _OPPOSITES
    for first, other in (pair, pair[::-1])
)


def contradicts(sentence: str, sources: Sequence[str], stems: Stems) -> bool:
    """Whether a clause of `sentence` says the opposite of what `sources` say with most of the same words."""
    said = [(clause, stems(clause)) for source in sources for clause in clauses(source)]
    whole = [(source.casefold(), stems(source)) for source in sources]
    for clause in clauses(_ANSWERED.sub("", sentence.casefold())):
        content = stems(clause)
        # "..., but not on Mondays" needs the words before it.
        closest = _closest(content, said, least=1)
        more = _closest(content, whole, least=len(content & closest[0][1]) + 1) if closest else []
        if closest and all(_is_opposite(clause, other) for other, _ in more or closest):
            return True
    return False


def _closest(
    content: frozenset[str], said: Sequence[tuple[str, frozenset[str]]], *, least: int
) -> list[tuple[str, frozenset[str]]]:
    """Return what shares most words, at least `least`."""
    most = max((len(content & held) for _, held in said), default=0)
    return [(other, held) for other, held in said if len(content & held) == most >= least]


def clauses(sentence: str) -> Iterator[str]:
    """Yield the clauses of a sentence in small letters; a list of things stays in one."""
    for part in _BOUNDARY.split(sentence.casefold()):
        start = 0
        for link in _LINK.finditer(part):
            sides = part[start : link.start()], part[link.end() :]
            if all(len(side.split()) >= _FEWEST_LINKED for side in sides):
                yield sides[0]
                start = link.end()
        if part[start:].strip():
            yield part[start:]


def _is_opposite(clause: str, other: str) -> bool:
    own, others = frozenset(_words(clause)), frozenset(_words(other))
    opposed = sum(_is_opposed(word, own, others) or _is_opposed(word, others, own) for word in own | others)
    opposed += sum(
        bool(word.search(clause) and opposite.search(other))
        and not (opposite.search(clause) or word.search(other))
        for word, opposite in _BOTH_WAYS
    )
    return (_negations(clause) + _negations(other) + opposed) % 2 == 1


def _negations(clause: str) -> int:
    plain = _NEUTRAL.sub(" ", clause)
    words = _words(plain)
    denied = sum(word in _NEGATIONS or word.endswith("n't") for word in words)
    if any(word in _JOINED_NEGATIONS for word in words):
        # Spanish "no ... nada" is one negation.
        denied = denied - words.count("no") + 1
    # "Neither ... nor" is one.
    denied -= words.count("nor") if "neither" in words else 0
    return denied + len(_NEGATED_RUN.findall(plain))


def _words(clause: str) -> list[str]:
    return [word.strip(_EDGES).replace("\u2019", "'") for word in clause.split()]


def _is_opposed(word: str, own: frozenset[str], others: frozenset[str]) -> bool:
    """Whether `own` has the word and `others` only its opposite, as `valid` and `invalid`."""
    if word not in own or word in others or len(word) < _SHORTEST_OPPOSED:
        return False
    return any(f"{prefix}{word}" in others and f"{prefix}{word}" not in own for prefix in _PREFIXES)
