"""One spelling for letters that are written in several ways. Imported when the first text beyond ASCII comes.

FTS5 folds case and the accents of Latin letters; it keeps compatibility forms (ligatures, full width,
subscripts), letters with a stroke, Greek accents, and invisible characters.
"""

# ruff: noqa: RUF001  other scripts have letters that look like Latin ones
from __future__ import annotations

import re
import unicodedata

from calypso_mcp.domain.unicode_forms import normalize

_INVISIBLE = "\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufe00-\ufe0f\ufeff"
_UNSEEN = re.compile(f"[{_INVISIBLE}]+")
_LETTERS = {
    "ß": "ss", "ẞ": "SS", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L",
    "đ": "d", "Đ": "D", "ð": "d", "Ð": "D", "þ": "th", "Þ": "TH", "ħ": "h", "Ħ": "H", "ı": "i",
    "\u2010": "-", "\u2011": "-",
}  # fmt: skip
_LETTER = re.compile(f"[{''.join(_LETTERS)}]")
_GREEK = re.compile("[\u0370-\u03ff\u1f00-\u1fff]+")
#: "µg" is written "ug" where a keyboard has no Greek.
_MICRO = re.compile("μ(?=[A-Za-z])")
#: Greek letters that stand alone in other languages, as in names of proteins. Omicron and eta are articles.
_NAMES = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "ζ": "zeta", "θ": "theta",
    "κ": "kappa", "λ": "lambda", "μ": "mu", "ν": "nu", "ξ": "xi", "π": "pi", "ρ": "rho", "σ": "sigma",
    "τ": "tau", "φ": "phi", "χ": "chi", "ψ": "psi", "ω": "omega",
}  # fmt: skip
#: Marks on one letter that carry meaning; more of them only make normalising slow.
_MARKS_RUN = re.compile("([\u0300-\u036f]{8})[\u0300-\u036f]+")


def fold(text: str) -> str:
    """Return `text` in compatibility form with one spelling for each letter; private-use characters stay."""
    text = _UNSEEN.sub("", _MARKS_RUN.sub(r"\1", text))
    text = _LETTER.sub(lambda match: _LETTERS[match[0]], normalize("NFKC", text))
    return _GREEK.sub(_plain_greek, _MICRO.sub("u", text))


def _plain_greek(match: re.Match[str]) -> str:
    parts = normalize("NFD", match[0].lower())
    plain = "".join(char for char in parts if unicodedata.category(char) != "Mn").replace("ς", "σ")
    return _NAMES.get(plain, plain)
