import json
import time

import pytest
from hypothesis import given, strategies as st

from calypso_mcp.domain.json_text import JsonShape, excess

VALUES = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


def depth_of(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth_of, value.values()), default=0)
    return 1 + max(map(depth_of, value), default=0) if isinstance(value, list) else 0


def longest_of(value: object) -> int:
    if isinstance(value, str):
        return len(json.dumps(value)) - 2
    if isinstance(value, dict):
        return max((longest_of(part) for pair in value.items() for part in pair), default=0)
    return max(map(longest_of, value), default=0) if isinstance(value, list) else 0


@given(VALUES)
def test_depth_and_length_are_what_a_parser_would_find(value: object) -> None:
    text = json.dumps(value).encode()
    assert excess(text, JsonShape(depth=depth_of(value), string_bytes=longest_of(value))) is None
    if depth_of(value):
        assert "levels" in (excess(text, JsonShape(depth=depth_of(value) - 1)) or "")
    if longest_of(value):
        assert "longer" in (excess(text, JsonShape(string_bytes=longest_of(value) - 1)) or "")


def test_brackets_inside_strings_do_not_count() -> None:
    assert excess(json.dumps({"a": '[[[[\\"{{{{'}).encode(), JsonShape(depth=1)) is None


@pytest.mark.parametrize("value", ["1", "1.5", "null", "[]", "{}", '""', '{"a":1}'])
def test_values_of_every_kind_are_bounded(value: str) -> None:
    def listed(count: int) -> bytes:
        return f"[{','.join([value] * count)}]".encode()

    assert excess(listed(30_000), JsonShape()) is None
    assert "more than" in (excess(listed(250_000), JsonShape()) or "")


@pytest.mark.parametrize(
    "text",
    [
        b"[" * 4_000_000,
        b"[]," * 1_300_000,
        b'"' + b'\\"' * 2_000_000,
        b'{"a":' * 800_000,
        b'"a",' * 1_000_000,
        b"\\" * 4_000_000,
        b'"' * 4_000_000,
    ],
)
def test_a_hostile_body_is_judged_in_linear_time(text: bytes) -> None:
    started = time.process_time()
    excess(text, JsonShape())
    assert time.process_time() - started < 2.0


def test_bytes_that_are_no_json_are_left_to_the_parser() -> None:
    for text in (b"", b"\xff\xfe", b"]]]]", b"hello", b"\\"):
        assert excess(text, JsonShape()) is None
