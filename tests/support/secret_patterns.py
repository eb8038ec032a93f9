"""What a secret looks like: the keys, tokens and addresses that tests and the program under test make."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

ONE_TIME_ADDRESS = "one-time upload address"
#: Text without any of these holds no secret of a known form; looking for them is much cheaper.
_MARKS = ("sk_", "cmt_", "/upload", "upload_id", "earer ", "gAAAA", "eyJ", "PRIVATE KEY")
_FORMS = re.compile(
    "|".join(
        f"(?P<{name}>{form})"
        for name, form in {
            "api_key": r"(?<![A-Za-z0-9_-])sk_[A-Za-z0-9_-]{5,}",
            "access_token": r"(?<![A-Za-z0-9_-])cmt_[A-Za-z0-9._-]{8,}",
            "upload_address": r"/upload/[A-Za-z0-9_-]{20,}|upload_id=[A-Za-z0-9_%-]{8,}",
            "one_time_address": r"/uploads/[A-Za-z0-9_-]{40,}|(?<![A-Za-z0-9_-])gAAAAA[A-Za-z0-9_-]{60,}",
            "bearer": r"[Bb]earer +[A-Za-z0-9._~+/-]{12,}",
            "signed_token": r"eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}",
            "private_key": r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
        }.items()
    )
)
_NAMES = {
    "api_key": "API key",
    "access_token": "access token",
    "upload_address": "upload address",
    "one_time_address": ONE_TIME_ADDRESS,
    "bearer": "bearer credential",
    "signed_token": "signed token",
    "private_key": "private key",
}
_RANDOM = re.compile(r"[A-Za-z0-9_-]{32,}")
#: Characters around a secret that say where it stood.
_AROUND = 60


@dataclass(frozen=True, slots=True)
class Found:
    """A secret that stood where none may stand; `excerpt` is what surrounded it, without it."""

    kind: str
    excerpt: str


@dataclass
class Secrets:
    """Finds secrets by their form, and random ones made in this process by their value."""

    made: set[str] = field(default_factory=set[str])

    def find(self, text: str, *, allowed: frozenset[str] = frozenset()) -> list[Found]:
        """Return every secret in `text` but those of the kinds `allowed`."""
        found: list[Found] = []
        if any(mark in text for mark in _MARKS):
            for match in _FORMS.finditer(text):
                kind = _NAMES[match.lastgroup or ""]
                if kind not in allowed:
                    found.append(Found(kind, _around(text, match)))
        if self.made and len(text) >= 32:
            found.extend(
                Found("random secret", _around(text, match))
                for match in _RANDOM.finditer(text)
                if match[0] in self.made
            )
        return found


def _around(text: str, match: re.Match[str]) -> str:
    start, end = max(0, match.start() - _AROUND), match.end() + _AROUND
    return _FORMS.sub("<secret>", f"{text[start : match.start()]}<secret>{text[match.end() : end]}")
