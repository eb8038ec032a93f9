"""What a misspelt word may stand for: one letter is missing, added or another, or two are swapped."""

from __future__ import annotations

from itertools import product
from string import ascii_lowercase


def one_slip_away(word: str) -> set[str]:
    """Return what `word`, in small letters, may stand for.

    Letters that it may lack are those of ASCII; beyond ASCII only its own.
    """
    letters = ascii_lowercase if word.isascii() else set(word)
    cuts = [(word[:place], word[place:]) for place in range(len(word) + 1)]
    swapped = {before + after[1] + after[0] + after[2:] for before, after in cuts if len(after) > 1}
    shorter = {before + after[1:] for before, after in cuts if after}
    changed = {before + letter + after[1:] for (before, after), letter in product(cuts, letters) if after}
    longer = {before + letter + after for (before, after), letter in product(cuts, letters)}
    return (swapped | shorter | changed | longer) - {word}
