"""The upload address, request by request (GCS resumable protocol, design table)."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import google_crc32c
import httpx2
import pytest

from tests.support.live_backend import Api, in_process, options_for, tree

UNIT = 262_144


def data_of(size: int) -> bytes:
    return hashlib.shake_128(str(size).encode()).digest(size)


async def query(api: Api, address: str, total: str = "*") -> httpx2.Response:
    return await api.put(address, Content_Range=f"bytes */{total}")


async def test_a_whole_object_is_stored_in_one_put(api: Api) -> None:
    data = data_of(1_000)
    session = await api.session(data)
    answer = await api.put(session["upload_url"], data, Content_Range="bytes 0-999/1000")
    assert answer.status_code == 200
    assert answer.json()["size"] == "1000"
    md5 = hashlib.md5(data, usedforsecurity=False).digest()
    assert answer.json()["md5Hash"] == base64.b64encode(md5).decode()
    assert (await api.finalize(session["session_id"])).json()["sha256"] == hashlib.sha256(data).hexdigest()


async def test_no_key_is_asked_for_and_none_is_needed(api: Api) -> None:
    session = await api.session(b"x")
    answer = await api.put(session["upload_url"], b"x")
    assert "Authorization" not in answer.request.headers
    assert answer.status_code == 200


async def test_a_part_is_acknowledged_in_whole_units(api: Api) -> None:
    data = data_of(UNIT * 3 + 7)
    address = (await api.session(data))["upload_url"]
    total = len(data)
    first = await api.put(address, data[: UNIT + 100], Content_Range=f"bytes 0-{UNIT + 99}/{total}")
    assert (first.status_code, first.headers["Range"]) == (308, f"bytes=0-{UNIT - 1}")
    second = await api.put(
        address, data[UNIT : 3 * UNIT], Content_Range=f"bytes {UNIT}-{3 * UNIT - 1}/{total}"
    )
    assert (second.status_code, second.headers["Range"]) == (308, f"bytes=0-{3 * UNIT - 1}")
    last = await api.put(address, data[3 * UNIT :], Content_Range=f"bytes {3 * UNIT}-{total - 1}/{total}")
    assert last.status_code == 200


async def test_a_part_smaller_than_a_unit_keeps_nothing(api: Api) -> None:
    address = (await api.session(data_of(1_000)))["upload_url"]
    answer = await api.put(address, data_of(1_000)[:500], Content_Range="bytes 0-499/1000")
    assert answer.status_code == 308
    assert "Range" not in answer.headers


@pytest.mark.parametrize("total", ["*", str(2 * UNIT)])
async def test_the_offset_can_be_asked_for_at_any_time(api: Api, total: str) -> None:
    data = data_of(2 * UNIT)
    address = (await api.session(data))["upload_url"]
    nothing = await query(api, address, total)
    assert (nothing.status_code, nothing.headers.get("Range")) == (308, None)
    await api.put(address, data[:UNIT], Content_Range=f"bytes 0-{UNIT - 1}/{2 * UNIT}")
    half = await query(api, address, total)
    assert (half.status_code, half.headers["Range"]) == (308, f"bytes=0-{UNIT - 1}")
    await api.put(address, data[UNIT:], Content_Range=f"bytes {UNIT}-{2 * UNIT - 1}/{2 * UNIT}")
    assert (await query(api, address, total)).status_code == 200


async def test_a_finished_upload_can_be_sent_again_without_effect(api: Api) -> None:
    session = await api.session(b"hello")
    for content in (b"hello", b"hello", b"other"):
        assert (await api.put(session["upload_url"], content)).status_code == 200
    assert (await api.finalize(session["session_id"])).json()["sha256"] == hashlib.sha256(
        b"hello"
    ).hexdigest()


async def test_a_start_beyond_the_stored_bytes_asks_for_the_offset_first(api: Api) -> None:
    data = data_of(3 * UNIT)
    address = (await api.session(data))["upload_url"]
    answer = await api.put(
        address, data[UNIT : 2 * UNIT], Content_Range=f"bytes {UNIT}-{2 * UNIT - 1}/{3 * UNIT}"
    )
    assert answer.status_code == 503
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert (await query(api, address)).headers.get("Range") is None


async def test_repeated_bytes_are_passed_over(api: Api) -> None:
    data = data_of(2 * UNIT + 9)
    session = await api.session(data)
    await api.put(
        session["upload_url"], data[: 2 * UNIT], Content_Range=f"bytes 0-{2 * UNIT - 1}/{len(data)}"
    )
    again = await api.put(session["upload_url"], data[:UNIT], Content_Range=f"bytes 0-{UNIT - 1}/{len(data)}")
    assert (again.status_code, again.headers["Range"]) == (308, f"bytes=0-{2 * UNIT - 1}")
    rest = await api.put(
        session["upload_url"], data[UNIT:], Content_Range=f"bytes {UNIT}-{len(data) - 1}/{len(data)}"
    )
    assert rest.status_code == 200
    assert (await api.finalize(session["session_id"])).json()["sha256"] == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize(
    ("content", "content_range"),
    [
        (b"hello!", "bytes 0-5/6"),
        (b"hello!", "bytes 0-5/5"),
        (b"hello!", "bytes 0-4/5"),
        (b"hell", "bytes 0-4/5"),
        (b"hello!", None),
        (b"hell", None),
        (b"hello", "bytes 0-5/*"),
        (b"hello", "bytes 4-0/5"),
        (b"hello", "bytes */5"),
        (b"hello", "bytes 0--1/0"),
        (b"hello", "items 0-4/5"),
        (b"hello", "bytes 0-4/99999999999999999999999"),
        (b"", None),
    ],
)
async def test_a_range_that_does_not_fit_is_refused_and_keeps_nothing(
    api: Api, content: bytes, content_range: str | None
) -> None:
    address = (await api.session(b"hello"))["upload_url"]
    answer = await api.put(address, content, **({"Content_Range": content_range} if content_range else {}))
    assert answer.status_code == 400
    assert (await query(api, address)).headers.get("Range") is None
    assert (await api.put(address, b"hello")).status_code == 200


async def test_a_longer_body_of_unknown_length_is_refused(api: Api) -> None:
    async def too_much() -> AsyncIterator[bytes]:
        yield b"hello"
        yield b"!"

    address = (await api.session(b"hello"))["upload_url"]
    assert (await api.put(address, too_much(), Content_Range="bytes 0-4/5")).status_code == 400
    assert (await api.put(address, b"hello")).status_code == 200


async def test_a_shorter_body_of_unknown_length_is_an_incomplete_upload(api: Api) -> None:
    data = data_of(2 * UNIT)

    async def too_little() -> AsyncIterator[bytes]:
        yield data[: UNIT + 5]

    address = (await api.session(data))["upload_url"]
    answer = await api.put(address, too_little(), Content_Range=f"bytes 0-{2 * UNIT - 1}/{2 * UNIT}")
    assert (answer.status_code, answer.headers["Range"]) == (308, f"bytes=0-{UNIT - 1}")


@pytest.mark.parametrize("size", [5, UNIT, UNIT * 5 + 3])
async def test_announced_hashes_are_checked(api: Api, size: int) -> None:
    data = data_of(size)
    session = await api.session(data)
    md5 = base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()
    crc = base64.b64encode(google_crc32c.value(data).to_bytes(4, "big")).decode()
    for wrong in ("md5=AAAAAAAAAAAAAAAAAAAAAA==", "crc32c=AAAAAA==", f"md5={md5},crc32c=AAAAAA=="):
        answer = await api.put(session["upload_url"], data, X_Goog_Hash=wrong)
        assert answer.status_code == 400
        assert (await query(api, session["upload_url"])).headers.get("Range") is None
    assert (await api.finalize(session["session_id"])).status_code == 409
    right = await api.put(session["upload_url"], data, X_Goog_Hash=f"crc32c={crc},md5={md5}")
    assert right.status_code == 200
    assert (right.json()["crc32c"], right.json()["md5Hash"]) == (crc, md5)


async def test_delete_gives_the_upload_up(api: Api) -> None:
    data = data_of(2 * UNIT)
    address = (await api.session(data))["upload_url"]
    await api.put(address, data[:UNIT], Content_Range=f"bytes 0-{UNIT - 1}/{2 * UNIT}")
    assert (await api.http.delete(address)).status_code == 499
    assert tree(api.options.data_dir) == set()
    assert (await api.put(address, data)).status_code == 410


async def test_a_finished_upload_cannot_be_given_up(api: Api) -> None:
    session = await api.session(b"hello")
    await api.put(session["upload_url"], b"hello")
    assert (await api.http.delete(session["upload_url"])).status_code == 400
    assert (await api.finalize(session["session_id"])).status_code == 201


@pytest.mark.parametrize("secret", ["nothing", "", "x" * 5_000, "%2e%2e", "a/b"])
async def test_an_unknown_address_is_not_found(api: Api, secret: str) -> None:
    origin = (await api.session(b"x"))["upload_url"].rpartition("/")[0]
    assert (await api.put(f"{origin}/{secret}", b"x")).status_code == 404


async def test_an_expired_address_is_gone(tmp_path: Path) -> None:
    now = [1_000.0]
    async with in_process(options_for(tmp_path, clock=lambda: now[0], session_lifetime_s=60.0)) as api:
        session = await api.session(b"hello")
        assert session["expires_at"] == "1970-01-01T00:17:40Z"
        now[0] += 60.0
        assert (await api.put(session["upload_url"], b"hello")).status_code == 410
        assert (await query(api, session["upload_url"])).status_code == 410


async def test_addresses_are_unguessable_and_differ(api: Api) -> None:
    addresses = {(await api.session(b"x"))["upload_url"] for _ in range(5)}
    assert len(addresses) == 5
    assert all(len(address.rpartition("/")[2]) >= 43 for address in addresses)


async def test_a_full_unit_cut_off_before_its_hash_was_seen_is_sent_again(api: Api) -> None:
    """A file that ends on a unit must not be complete without the last part's own request."""
    data = data_of(UNIT)
    address = (await api.session(data))["upload_url"]
    partial = api.options.data_dir / "blobs" / "partial"
    await query(api, address)
    (name,) = tree(api.options.data_dir)
    (partial / name.rpartition("/")[2]).write_bytes(data)
    answer = await query(api, address)
    assert (answer.status_code, answer.headers.get("Range")) == (308, None)


def exposed(answer: httpx2.Response) -> set[str]:
    """Return the headers that a page of another origin may read of an answer that it may read."""
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers
    return {name.strip().lower() for name in answer.headers["access-control-expose-headers"].split(",")}


async def test_a_page_of_another_origin_may_send_and_resume(api: Api) -> None:
    data = data_of(2 * UNIT)
    address = (await api.session(data))["upload_url"]
    asked = await api.http.options(
        address,
        headers={
            "Origin": "https://app.example",
            "Access-Control-Request-Method": "PUT",
            "Access-Control-Request-Headers": "content-range,content-type,x-goog-hash",
        },
    )
    assert (asked.status_code, asked.content) == (204, b"")
    assert exposed(asked) >= {"range"}
    assert {word.strip() for word in asked.headers["access-control-allow-methods"].split(",")} == {
        "PUT",
        "DELETE",
    }
    allowed = {word.strip().lower() for word in asked.headers["access-control-allow-headers"].split(",")}
    assert allowed == {"content-range", "content-type", "x-goog-hash"}
    assert int(asked.headers["access-control-max-age"]) > 0
    part = await api.put(
        address, data[:UNIT], Content_Range=f"bytes 0-{UNIT - 1}/{2 * UNIT}", Origin="https://app.example"
    )
    assert (part.status_code, part.headers["Range"]) == (308, f"bytes=0-{UNIT - 1}")
    assert exposed(part) >= {"range", "x-request-id"}
    rest = await api.put(address, data[UNIT:], Content_Range=f"bytes {UNIT}-{2 * UNIT - 1}/{2 * UNIT}")
    assert rest.status_code == 200
    assert exposed(rest)


async def test_a_page_of_another_origin_can_read_why_it_was_refused(api: Api) -> None:
    address = (await api.session(b"hello"))["upload_url"]
    nowhere = address.rpartition("/")[0] + "/nothing-here"
    refusals = [
        await api.put(nowhere, b"hello"),
        await api.put(address, b"hello", Content_Range="nonsense"),
        await api.put(address, b"hello", X_Goog_Hash="md5=AAAAAAAAAAAAAAAAAAAAAA=="),
    ]
    assert [answer.status_code for answer in refusals] == [404, 400, 400]
    for answer in refusals:
        assert exposed(answer)
    preflights = [await api.http.options(entry) for entry in (address, nowhere)]
    assert [answer.status_code for answer in preflights] == [204, 204]
