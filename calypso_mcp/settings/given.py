"""One setting as the operator gave it: its flag or variable, and whether its value is plausible.

Two rules hold for every setting. A placeholder that nothing replaced is an error. So is an empty value, with
one exception: an empty variable of a setting that limits nothing counts as not set, because desktop clients
pass empty strings for what a person left blank.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from calypso_mcp.domain.json_values import is_list
from calypso_mcp.errors import ConfigError
from calypso_mcp.settings.placeholders import is_example_key, placeholder_in
from calypso_mcp.settings.values import Knob

Source = Literal["flag", "variable"]

_USER_INFO = r"//[^/@\s]*@"
#: Longest value shown to a person, in characters.
_SHOWN_CHARS = 200


class WrongSetting(ConfigError):
    """The value of one setting cannot be meant, or is of the wrong kind."""

    def __init__(self, given: Given, message: str) -> None:
        super().__init__(f"{given.name}: {message}")
        self.given = given


@dataclass(frozen=True, slots=True)
class Given:
    """A value before any check of its type: a text, texts of a repeated flag, or whether a flag is on."""

    knob: Knob
    source: Source
    raw: str | bool | tuple[str, ...]

    @property
    def name(self) -> str:
        """Where the value came from, and the other name of the setting, for a person."""
        if self.source == "flag":
            return f"flag {self.knob.flag} ({self.knob.variable})"
        return f"variable {self.knob.variable}" + (f" ({self.knob.flag})" if self.knob.flag else "")

    @property
    def texts(self) -> tuple[str, ...]:
        """The texts given."""
        if isinstance(self.raw, bool):
            return ()
        return (self.raw,) if isinstance(self.raw, str) else self.raw

    @property
    def shown(self) -> str:
        """The value for a person, without secrets."""
        if self.knob.secret:
            return "(set, not shown)"
        text = ", ".join(self.texts) if not isinstance(self.raw, bool) else str(self.raw).lower()
        text = re.sub(_USER_INFO, "//***@", text)
        return text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}…"

    def value(self) -> object:
        """Return the value for `Settings`: a text, a tuple of texts, or a boolean.

        Raises:
            WrongSetting: It is empty, or a placeholder that nothing replaced.
        """
        if isinstance(self.raw, bool):
            return self.raw
        self._refuse_empty()
        self._refuse_placeholders()
        separator = self.knob.separator
        if separator is None:
            return self.texts[-1].strip()
        # A repeated flag of folders is not split: a folder's name may contain the separator.
        if self.source == "flag" and separator != ",":
            return self.texts
        return tuple(part for text in self.texts for part in _parts(text, separator))

    def _refuse_empty(self) -> None:
        if not any(_is_empty(text, self.knob) for text in self.texts):
            return
        advice = "remove it to set no limit" if self.knob.limits else "remove it"
        raise WrongSetting(self, f"is empty; give it a value, or {advice}.")

    def _refuse_placeholders(self) -> None:
        for text in self.texts:
            if placeholder := placeholder_in(text):
                raise WrongSetting(
                    self,
                    f"{placeholder[:60]} is a placeholder that was not replaced; write the value itself.",
                )
            if self.knob.secret and is_example_key(text):
                raise WrongSetting(self, "holds an example, not a key; write your key, or remove it.")


def given_settings(
    knobs: Mapping[str, Knob], flags: Mapping[str, object], environ: Mapping[str, str]
) -> dict[str, Given]:
    """Return what was given, by field name. A flag beats its variable, and is absent if not given."""
    found: dict[str, Given] = {}
    for name, knob in knobs.items():
        if name in flags:
            found[name] = Given(knob, "flag", _raw(flags[name]))
        elif knob.variable in environ and (knob.limits or not _is_empty(environ[knob.variable], knob)):
            found[name] = Given(knob, "variable", environ[knob.variable])
    return found


def misspelt_limits(knobs: Mapping[str, Knob], environ: Mapping[str, str]) -> list[ConfigError]:
    """Return an error for each variable that is called nearly like a limit: ignored, it limits nothing."""
    variables = {knob.variable for knob in knobs.values()}
    limits = {_plain(knob.variable): knob.variable for knob in knobs.values() if knob.limits}
    return [
        ConfigError(f"variable {name}: there is no such setting; did you mean {limits[_plain(name)]}?")
        for name in environ
        if name not in variables and _plain(name) in limits
    ]


def _plain(variable: str) -> str:
    return variable.upper().replace("_", "").removesuffix("S")


def _is_empty(text: str, knob: Knob) -> bool:
    """Whether `text` holds nothing but white space and separators."""
    return not text.strip(f" \t\r\n,{knob.separator or ''}")


def _raw(value: object) -> str | bool | tuple[str, ...]:
    if isinstance(value, str | bool):
        return value
    if is_list(value):
        return tuple(map(str, value))
    return str(value)


def _parts(text: str, separator: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(separator) if part.strip())
