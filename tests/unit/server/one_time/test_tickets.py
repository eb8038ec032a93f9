import json
import random
import zlib
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, strategies as st

from calypso_mcp.domain.callers.access import AccessGrant
from calypso_mcp.domain.uploads.declaration import Declaration, Destination
from calypso_mcp.errors import ContentError, SessionExpired
from calypso_mcp.server.one_time.tickets import Ticket, TicketSeal, UploadPlace
from calypso_mcp.server.sealing import Seal

SECRET = bytes(range(32))
TICKET = Ticket(
    upload_id="upload_0123456789abcdefghijkl",
    expires_at=1900,
    grant=AccessGrant("support"),
    declaration=Declaration("a.pdf", Destination(bucket_ids=("bucket_1",)), "application/pdf"),
    most_bytes=100,
)


@given(
    filename=st.text(min_size=1, max_size=100),
    title=st.none() | st.text(max_size=100),
    tags=st.lists(st.text(max_size=20), max_size=5),
    metadata=st.none()
    | st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=10), max_size=5),
)
def test_a_ticket_opens_to_what_was_sealed(
    filename: str, title: str | None, tags: list[str], metadata: dict[str, Any] | None
) -> None:
    labels: dict[str, Any] = {"filename": filename, "title": title, "tags": tuple(tags), "metadata": metadata}
    ticket = replace(TICKET, declaration=replace(TICKET.declaration, **labels))
    sealed = TicketSeal(SECRET).seal(ticket)
    assert TicketSeal(SECRET).open(sealed) == ticket
    assert sealed.isascii()
    assert not set(sealed) - set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def test_a_ticket_that_an_earlier_release_sealed_still_opens() -> None:
    sealed = (
        "3XqHpJmxItCe_hzaHDhmpZtzSfKTLDe3B9Ott3Q9gSW45w9f5ycn1Jy29GlT4RyPaKZubCkXGkhJqcx-N1_GFpJ2piTisYCfe8fP"
        "Bxyolol4ib7p7k_e1utBbADwDT8AILZU27lKvdHWbRhzJLPyk-V26ARk74FrEwqzoOfksfNe1zo29PsapdSsN3FDGl-M1Lx_YVdq"
        "bM9tZIrzff300i_Skt3B5hiL2oTWeYPnhya-qZUKqThnpjUbdLFPaCddU1y96Yu2vr8myvLe2Ul2J531vpOP9qqSJdLi9rb_M0Ok"
        "Q3xDMZw4RfQCZ0tn5HBmvsuYWIBkCsFS6TMyRVAn7I8TCWC_fU_VFK-YY1j9Gyscs-us-QY-VX9O3fCgKgpAYfeO"
    )
    labelled = replace(TICKET.declaration, title="A", tags=("t",), metadata={"k": 1})
    assert TicketSeal(SECRET).open(sealed) == replace(TICKET, declaration=labelled)


@pytest.mark.parametrize(
    "other",
    [
        {"priority": 3},
        {"grant": {"name": "support"}},
        {"grant": TICKET.grant.to_claims() | {"quota": None}},
        {"grant": TICKET.grant.to_claims() | {"limit": {"buckets": []}}},
        {"grant": None},
        {"bucket_id": None},
    ],
)
def test_a_ticket_that_says_other_things_than_those_of_this_version_has_expired(
    other: dict[str, Any],
) -> None:
    """Other versions may share the secret: older ones during an update, newer ones after going back."""
    seal = Seal("one-time uploads", SECRET)
    content = json.loads(zlib.decompress(seal.open(TicketSeal(SECRET).seal(TICKET)) or b""))
    said = {name: value for name, value in (content | other).items() if value is not None}
    with pytest.raises(SessionExpired, match="Another version"):
        TicketSeal(SECRET).open(seal.seal(zlib.compress(json.dumps(said).encode())))


#: Sealed once, because Hypothesis needs the same choices to mean the same.
SEALED = TicketSeal(SECRET).seal(TICKET)


@given(st.data())
def test_a_ticket_changed_in_any_place_opens_to_nothing(data: st.DataObject) -> None:
    position = data.draw(st.integers(0, len(SEALED) - 1))
    # The last character carries spare bits that base64 ignores, so only the others must matter.
    letter = data.draw(st.sampled_from("ABCDwxyz0189-_").filter(lambda letter: letter != SEALED[position]))
    changed = SEALED[:position] + letter + SEALED[position + 1 :]
    opened = TicketSeal(SECRET).open(changed)
    assert opened is None or (position == len(SEALED) - 1 and opened == TICKET)


@pytest.mark.parametrize(
    "text", ["", "x", "gAAAAA", "ä" * 50, "A" * 7000, "=" * 10, "\udcff", "a b", "../.."]
)
def test_what_is_no_ticket_opens_to_nothing(text: str) -> None:
    assert TicketSeal(SECRET).open(text) is None


def test_another_secret_opens_nothing_and_a_weak_one_is_refused() -> None:
    sealed = TicketSeal(SECRET).seal(TICKET)
    assert TicketSeal(SECRET[::-1]).open(sealed) is None
    with pytest.raises(ValueError, match="16 bytes"):
        TicketSeal(b"short")


@pytest.mark.parametrize(
    ("external_id", "lineage"), [("crm/" + "7" * 200, "crm/" + "7" * 200), ("7" * 3_000, "")]
)
def test_an_upload_id_names_the_origin_unless_that_is_long(external_id: str, lineage: str) -> None:
    seal, declaration = TicketSeal(SECRET), replace(TICKET.declaration, external_id=external_id)
    upload_id = seal.upload_id(declaration, 1900, "one")

    assert seal.open_id(upload_id, "one") == UploadPlace(1900, "bucket_1", "a.pdf", lineage)
    assert seal.open_id(upload_id, "other") is None
    assert len(upload_id) < 1_000


def test_a_ticket_shows_nothing_of_what_it_says() -> None:
    sealed = TicketSeal(SECRET).seal(replace(TICKET, key="sk-secret"))
    for word in ("bucket_1", "support", "sk-secret", "a.pdf"):
        assert word not in sealed
    assert "sk-secret" not in repr(replace(TICKET, key="sk-secret"))


def test_labels_too_long_for_an_address_are_refused_with_what_to_do() -> None:
    metadata = {"k": random.Random(1).randbytes(4_000).hex()}
    with pytest.raises(ContentError, match="too long"):
        TicketSeal(SECRET).seal(replace(TICKET, declaration=replace(TICKET.declaration, metadata=metadata)))
