"""English words too common to search for."""

from __future__ import annotations

#: Dropped from queries only; passages keep every word, so that a phrase of them can still match.
ENGLISH = frozenset(
    (
        "a an and are as at be been but by can could did do does for from had has have he her him his "
        "how i if in into is it its me my no not of on or our she should so such than that the their "
        "them then there these they this those to us was we were what when where which who whom whose "
        "why will with would you your"
    ).split()
)
