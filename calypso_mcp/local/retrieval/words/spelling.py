"""The words that a misspelt word may stand for: a letter is missing, added or wrong, or two are swapped."""

from __future__ import annotations

from itertools import product
from string import ascii_lowercase


def one_slip_away(word: str, letters: int) -> set[str]:
    """Return what `word`, in small letters, may stand for with a slip in its first `letters`.

    Its first letter is right or stands second. It may lack letters of ASCII; beyond ASCII only its own.
    """
    cuts = [(word[:place], word[place:]) for place in range(min(letters, len(word)))]
    lacking = list(product(cuts[1:], ascii_lowercase if word.isascii() else set(word)))
    swapped = {before + after[1] + after[0] + after[2:] for before, after in cuts if len(after) > 1}
    shorter = {before + after[1:] for before, after in cuts}
    changed = {before + letter + after[1:] for (before, after), letter in lacking}
    longer = {before + letter + after for (before, after), letter in lacking}
    return (swapped | shorter | changed | longer) - {word}
