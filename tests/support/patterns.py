"""The regular expressions of a package, and texts made to be the worst for each of them."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from re import (
    _constants as kinds,  # type: ignore[attr-defined]  # the parser of `re` has no public name
    _parser as parser,  # type: ignore[attr-defined]
)
from types import ModuleType
from typing import Any, cast

#: Functions that look for a pattern everywhere in a text, and those that stay at one place.
LOOKING = frozenset({"search", "sub", "subn", "split", "findall", "finditer"})
MATCHING = frozenset({"match", "fullmatch"})
_REPEATS = (kinds.MAX_REPEAT, kinds.MIN_REPEAT, kinds.POSSESSIVE_REPEAT)
#: Repeats beyond this are as good as endless, and fewer only a constant.
_MANY = 10
#: Characters of one class, and of a whole pattern, that texts are made of.
_OF_A_CLASS, _MOST_SAMPLES = 3, 6


@dataclass(frozen=True)
class Written:
    """A pattern as the package has it.

    Attributes:
        place: Module and name, or module and line.
        pattern: Compiled.
        functions: The names of the functions of `re` that it is used with.
    """

    place: str
    pattern: re.Pattern[Any]
    functions: frozenset[str]

    def uses(self) -> Iterator[Callable[[Any], object]]:
        """Yield how the package uses it: at the start of a text, for the whole, or everywhere."""
        for name in sorted(self.functions & MATCHING):
            yield getattr(self.pattern, name)
        if self.functions & LOOKING:
            yield lambda text: sum(1 for _ in self.pattern.finditer(text))


def patterns_of(package: ModuleType) -> list[Written]:
    """Return every pattern that a module of `package` holds or writes into a call."""
    names = [name for _, name, _ in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")]
    found: list[Written] = []
    for name in names:
        if name.endswith("__main__"):
            continue
        module = importlib.import_module(name)
        tree = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))
        found += _held(module, tree)
        found += _in_calls(module, tree)
    return list({(entry.pattern, entry.functions): entry for entry in found}.values())


def _held(module: ModuleType, tree: ast.Module) -> Iterator[Written]:
    uses = _uses(tree)
    for name, value in vars(module).items():
        for pattern in _within(value):
            functions = frozenset(uses[name]) & (LOOKING | MATCHING) or LOOKING | MATCHING
            yield Written(f"{module.__name__}.{name}", pattern, functions)


def _within(value: object) -> Iterator[re.Pattern[Any]]:
    if isinstance(value, re.Pattern):
        yield cast("re.Pattern[Any]", value)
    elif isinstance(value, Mapping):
        yield from _within(tuple(cast("Mapping[Any, Any]", value).values()))
    elif isinstance(value, list | tuple):
        for entry in cast("Iterable[Any]", value):
            yield from _within(entry)


def _uses(tree: ast.Module) -> defaultdict[str, set[str]]:
    """Return what a module calls of each name, or calls with it."""
    uses = defaultdict[str, set[str]](set)
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id=name), attr=called):
                uses[name].add(called)
            case ast.Attribute(
                value=ast.IfExp(body=ast.Name(id=one), orelse=ast.Name(id=other)), attr=called
            ):
                uses[one].add(called)
                uses[other].add(called)
            case ast.Call(func=function, args=arguments):
                called = function.attr if isinstance(function, ast.Attribute) else "search"
                for argument in arguments:
                    if isinstance(argument, ast.Name):
                        uses[argument.id].add(called)
            case _:
                pass
    return uses


def _in_calls(module: ModuleType, tree: ast.Module) -> Iterator[Written]:
    """Yield the patterns that are written into a call of `re` inside a function."""
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    for node in (inner for function in functions for inner in ast.walk(function)):
        match node:
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="re"), attr=called),
                args=[ast.Constant(value=str() | bytes() as source), *_],
            ):
                used = frozenset({called}) & (LOOKING | MATCHING) or LOOKING | MATCHING
                yield Written(f"{module.__name__}:{node.lineno}", re.compile(source), used)
            case _:
                pass


@dataclass(frozen=True)
class HostileText:
    """A text of any length: what leads to a repeat, what is repeated, and a character that fits nothing."""

    lead: str
    unit: str

    def of(self, chars: int) -> str:
        """Return the text of about `chars` characters."""
        return self.lead + self.unit * (chars // len(self.unit)) + "\x00"


def hostile_texts(pattern: re.Pattern[Any]) -> list[HostileText]:
    """Return texts that nearly match `pattern`, over and over.

    They are made of every character that the pattern speaks of, of its own beginning, of what leads to each
    of its repeats, and of what stands between two of them.
    """
    source = pattern.pattern
    text = source.decode("latin-1") if isinstance(source, bytes) else str(source)
    tree = parser.parse(text, pattern.flags & ~re.UNICODE & ~re.DEBUG)
    samples = _samples(tree)[:_MOST_SAMPLES]
    whole = _shortest(tree)
    units = [*samples, whole, whole[:-1]]
    runs: list[tuple[str, str]] = []
    for lead, body, after in _repeats(tree, "", ""):
        units += [lead + body, lead]
        runs += [(before, run) for before in (lead, lead + body) for run in (body, body + after, *samples)]
    made = [*(("", unit) for unit in units), *runs]
    return [HostileText(lead, unit) for lead, unit in dict.fromkeys(made) if unit]


def _repeats(tree: Any, lead: str, after: str) -> Iterator[tuple[str, str, str]]:
    """Yield each long repeat: the shortest text that leads to it, one turn of it for each way it has, and the
    shortest text from it to the next; `after` leads from the end of `tree` to one.
    """
    for place, (kind, value) in enumerate(tree):
        rest = _until_repeat(tree[place + 1 :], after)
        if kind in _REPEATS:
            _, most, body = value
            if most > _MANY:
                for sample in (*_samples(body), _shortest(body)):
                    if sample:
                        yield lead, sample, rest
            yield from _repeats(body, lead, rest)
        for inner in _branches(kind, value):
            yield from _repeats(inner, lead, rest)
        lead += _shortest([(kind, value)])


def _until_repeat(tree: Any, after: str) -> str:
    """Return the shortest text that leads to the first long repeat of `tree`, or through it and `after`."""
    text = ""
    for kind, value in tree:
        if kind in _REPEATS and value[1] > _MANY:
            return text
        text += _shortest([(kind, value)])
    return text + after


def _branches(kind: Any, value: Any) -> list[Any]:
    if kind is kinds.SUBPATTERN:
        return [value[-1]]
    if kind is kinds.BRANCH:
        return list(value[1])
    if kind is kinds.ATOMIC_GROUP:
        return [value]
    if kind in (kinds.ASSERT, kinds.ASSERT_NOT):
        return [value[1]]
    return []


def _samples(tree: Any) -> list[str]:
    """Return one character for each literal and class in `tree`."""
    found: dict[str, None] = {}
    for kind, value in tree:
        if kind in (kinds.LITERAL, kinds.NOT_LITERAL, kinds.ANY, kinds.IN):
            found.update(dict.fromkeys(_characters(kind, value)))
        if kind in _REPEATS:
            found.update(dict.fromkeys(_samples(value[2])))
        for inner in _branches(kind, value):
            found.update(dict.fromkeys(_samples(inner)))
    return list(found)


def _characters(kind: Any, value: Any) -> list[str]:
    if kind is kinds.LITERAL:
        return [chr(value)]
    if kind is kinds.NOT_LITERAL:
        return ["a" if value != ord("a") else "b"]
    if kind is kinds.ANY:
        return ["a"]
    if value[0][0] is kinds.NEGATE:
        refused = re.compile(_class_of(value[1:]))
        return [next(entry for entry in "a 0<-\"'\n\u4e2d\u0301" if not refused.match(entry))]
    return [_first(entry) for entry in value[:_OF_A_CLASS]]


def _class_of(items: Any) -> str:
    """Return a class of characters as it is written."""
    parts: list[str] = []
    for kind, value in items:
        if kind is kinds.RANGE:
            parts.append(f"{re.escape(chr(value[0]))}-{re.escape(chr(value[1]))}")
        elif kind is kinds.CATEGORY:
            parts.append(_CATEGORIES[value][0])
        else:
            parts.append(re.escape(chr(value)))
    return f"[{''.join(parts)}]"


def _first(item: Any) -> str:
    kind, value = item
    if kind is kinds.CATEGORY:
        return _CATEGORIES[value][1]
    return chr(value[0] if kind is kinds.RANGE else value)


#: Categories as they are written, and a character of each.
_CATEGORIES = {
    kinds.CATEGORY_DIGIT: (r"\d", "0"),
    kinds.CATEGORY_NOT_DIGIT: (r"\D", "a"),
    kinds.CATEGORY_SPACE: (r"\s", " "),
    kinds.CATEGORY_NOT_SPACE: (r"\S", "a"),
    kinds.CATEGORY_WORD: (r"\w", "a"),
    kinds.CATEGORY_NOT_WORD: (r"\W", " "),
}


def _shortest(tree: Any) -> str:
    """Return a short text that `tree` matches, look-arounds aside."""
    text = ""
    for kind, value in tree:
        if kind in (kinds.LITERAL, kinds.NOT_LITERAL, kinds.ANY, kinds.IN):
            text += _characters(kind, value)[0]
        elif kind in _REPEATS:
            text += _shortest(value[2]) * value[0]
        elif kind not in (kinds.ASSERT, kinds.ASSERT_NOT) and (inner := _branches(kind, value)):
            text += _shortest(inner[0])
    return text
