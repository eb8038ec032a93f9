from __future__ import annotations

import json

import pytest
from hypothesis import given, strategies as st

from calypso_mcp.domain.json_text import is_utf_16, parsable

CASES = {
    rb'"\ud83d"': "\ufffd",
    rb'"\ude00"': "\ufffd",
    rb'"\ud83d\ude00"': "\U0001f600",
    rb'"\ude00\ud83d"': "\ufffd\ufffd",
    rb'"\ud83d\ud83d\ude00"': "\ufffd\U0001f600",
    rb'"\\ud83d"': "\\ud83d",
    rb'"\\\ud83d"': "\\\ufffd",
    rb'"\n\ud83dx"': "\n\ufffdx",
    rb'"\uD83D\u0041"': "\ufffdA",
    rb'"\ud7ff\ue000"': "\ud7ff\ue000",
    b'"\xed\xa0\xbd"': "\ufffd",
    b'"\xed\x9f\xbf"': "\ud7ff",
    b'\xef\xbb\xbf"x"': "x",
}


@pytest.mark.parametrize(("text", "meant"), CASES.items(), ids=range(len(CASES)))
def test_what_a_parser_refuses_is_replaced_and_nothing_else(text: bytes, meant: str):
    assert json.loads(parsable(text)) == meant
    assert len(parsable(text)) == len(text)


@given(st.recursive(st.text() | st.integers(), st.lists, max_leaves=5))
def test_json_that_is_right_says_the_same_afterwards(value: object):
    for ascii_only in (True, False):
        text = json.dumps(value, ensure_ascii=ascii_only).encode()
        assert json.loads(parsable(text)) == value


@given(st.text(st.characters(exclude_categories=())))
def test_every_text_of_a_program_that_allows_lone_surrogates_can_be_read(text: str):
    json.loads(parsable(json.dumps(text).encode())).encode()
    json.loads(parsable(json.dumps(text, ensure_ascii=False).encode("utf-8", "surrogatepass"))).encode()


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_wide_encodings_are_told_from_utf_8(encoding: str):
    assert is_utf_16('{"jsonrpc": "2.0"}'.encode(encoding))
    assert not is_utf_16('{"jsonrpc": "2.0", "x": "é"}'.encode())
