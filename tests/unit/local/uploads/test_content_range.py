"""Reading Content-Range and X-Goog-Hash."""

from __future__ import annotations

import pytest

from calypso_mcp.local.routes.uploads import Stop, read_hashes, read_range


@pytest.mark.parametrize(
    ("header", "length", "size", "wanted"),
    [
        (None, 10, 10, range(10)),
        (None, None, 10, range(10)),
        ("bytes 0-9/10", 10, 10, range(10)),
        ("bytes 5-9/10", 5, 10, range(5, 10)),
        ("bytes 0-4/*", 5, 10, range(5)),
        ("bytes 0-4/10", None, 10, range(5)),
        ("bytes */10", 0, 10, None),
        ("bytes */*", None, 10, None),
        (" bytes */* ", 0, 10, None),
    ],
)
def test_what_a_put_brings_is_read_from_its_headers(
    header: str | None, length: int | None, size: int, wanted: range | None
) -> None:
    assert read_range(header, content_length=length, size_bytes=size) == wanted


@pytest.mark.parametrize(
    ("header", "length"),
    [
        (None, 9),
        (None, 0),
        ("bytes 0-9/11", 10),
        ("bytes 0-10/10", 11),
        ("bytes 9-0/10", 0),
        ("bytes 9-0/10", None),
        ("bytes 0-4/10", 4),
        ("bytes */10", 3),
        ("bytes */9", 0),
        ("bytes 0--1/0", 0),
        ("bytes \u0660-\u0669/10", 10),
        ("bytes=0-9/10", 10),
        ("", 10),
    ],
)
def test_headers_that_contradict_the_announcement_are_refused(header: str | None, length: int | None) -> None:
    with pytest.raises(Stop) as stopped:
        read_range(header, content_length=length, size_bytes=10)
    assert stopped.value.response.status_code == 400


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ([], {}),
        (["crc32c=n03x6A=="], {"crc32c": "n03x6A=="}),
        (["crc32c=a==,md5=b=="], {"crc32c": "a==", "md5": "b=="}),
        (["crc32c=a==", " md5=b== "], {"crc32c": "a==", "md5": "b=="}),
        (["sha1=c==", "md5=", "nonsense"], {}),
    ],
)
def test_announced_hashes_are_read_by_name(headers: list[str], found: dict[str, str]) -> None:
    assert read_hashes(headers) == found
