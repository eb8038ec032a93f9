from __future__ import annotations

from hypothesis import given, strategies as st

from calypso_mcp.server.sealing import Seal

SECRET = bytes(range(32))


@given(st.binary(max_size=200), st.binary(max_size=50))
def test_what_was_sealed_opens_for_its_purpose_and_holder_only(content: bytes, holder: bytes) -> None:
    sealed = Seal("one", SECRET).seal(content, holder)
    assert Seal("one", SECRET).open(sealed, holder) == content
    assert Seal("two", SECRET).open(sealed, holder) is None
    assert Seal("one", SECRET).open(sealed, holder + b".") is None
    assert Seal("one", SECRET[::-1]).open(sealed, holder) is None


def test_the_same_content_is_never_sealed_the_same_way_twice() -> None:
    assert Seal("one", SECRET).seal(b"x") != Seal("one", SECRET).seal(b"x")
