"""Every code of an error that the package can raise, as its source says."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "calypso_mcp"
#: A code is words in lower case; anything else in the same place is a message.
_CODE = re.compile(r"[a-z]+(?:_[a-z0-9]+)*")
#: Calls that take the code as a positional argument, and which one.
_POSITIONS = {"Reason": 0, "_problem_wire": 1, "Refusal": 1, "not_found": 1, "ExtractionFailed": 0}


def find_error_codes() -> set[str]:
    """Return the codes that stand in the package as constants."""
    return {
        code
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        for value in _values(node)
        for code in _constants(value)
        if _CODE.fullmatch(code)
    }


def _values(node: ast.AST) -> Iterator[ast.expr]:
    if isinstance(node, ast.Call):
        yield from (word.value for word in node.keywords if word.arg == "code")
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        position = _POSITIONS.get(name, len(node.args))
        yield from node.args[position : position + 1]
    elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if any(isinstance(target, ast.Name) and target.id in {"code", "default_code"} for target in targets):
            yield node.value


def _constants(value: ast.expr) -> Iterator[str]:
    """Yield the strings that an expression may come to: a constant, a choice of two, a value of a table."""
    match value:
        case ast.Constant(value=str() as text):
            yield text
        case ast.IfExp(body=body, orelse=orelse):
            yield from _constants(body)
            yield from _constants(orelse)
        case ast.Call(func=ast.Attribute(value=ast.Dict(values=values), attr="get"), args=[_, default]):
            for entry in (*values, default):
                yield from _constants(entry)
        case _:
            return
