"""What a site's robots.txt asks of this program (RFC 9309)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from calypso_mcp.local.web.urls import KEPT_IN_QUERY, normalize_escapes

#: How this program calls itself.
PRODUCT: Final = "calypso-mcp"
#: RFC 9309, section 2.5: at least 500 KiB are read; more is ignored.
MOST_BYTES: Final = 512_000


@dataclass(frozen=True, slots=True)
class Rule:
    """A pattern for the beginning of a path and query: `*` is anything, `$` at its end is the end."""

    pattern: str
    allows: bool

    def matches(self, target: str) -> bool:
        """Whether `target` begins as the pattern says; in time linear in both."""
        is_whole = self.pattern.endswith("$")
        first, *others = self.pattern.removesuffix("$").split("*")
        if not target.startswith(first):
            return False
        position = len(first)
        # The earliest match of each piece leaves most for the next; only the last may have to end the target.
        last = others.pop() if is_whole and others else None
        for piece in others:
            found = target.find(piece, position)
            if found < 0:
                return False
            position = found + len(piece)
        if last is not None:
            return target.endswith(last) and len(target) - len(last) >= position
        return not is_whole or position == len(target)


@dataclass(frozen=True, slots=True)
class Robots:
    """The rules of one site for this program."""

    rules: tuple[Rule, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Robots:
        """Return the rules in `text`: those for this program by name, else those for all."""
        rules: dict[str, list[Rule]] = {}
        # Of the programs that a group of rules is for, those that matter here: a site may name thousands.
        agents: set[str] = set()
        is_open = False
        for key, value in _lines(text):
            if key == "user-agent":
                agents = agents if is_open else set()
                is_open = True
                if (agent := value.lower()) in (PRODUCT, "*"):
                    agents.add(agent)
                    rules.setdefault(agent, [])
            elif key in {"allow", "disallow"}:
                is_open = False
                if value and agents:
                    rule = Rule(normalize_escapes(value, KEPT_IN_QUERY), key == "allow")
                    for agent in agents:
                        rules[agent].append(rule)
        return cls(tuple(rules.get(PRODUCT, rules.get("*", ()))))

    def allow(self, target: str) -> bool:
        """Whether this path and query may be read: the longest rule that matches decides, else yes."""
        matching = [rule for rule in self.rules if rule.matches(target)]
        return max(((len(rule.pattern), rule.allows) for rule in matching), default=(0, True))[1]


def _lines(text: str) -> Iterator[tuple[str, str]]:
    for line in text.removeprefix("\ufeff").splitlines():
        key, colon, value = line.partition("#")[0].partition(":")
        if colon:
            yield key.strip().lower(), value.strip()
