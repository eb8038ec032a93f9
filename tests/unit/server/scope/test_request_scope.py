"""The scope of a request: every limit narrows, none widens, nothing is remembered of a caller."""

from __future__ import annotations

from typing import Any

import pytest

from calypso_mcp.domain.callers.access import AccessGrant, ScopeLimit
from calypso_mcp.errors import InputError, ScopeError
from calypso_mcp.server.scope.request_scope import Access
from tests.support.scripted_calypso import ScriptedCalypso, agent, bucket


def limit(*slugs: str, agents: tuple[str, ...] = ()) -> ScopeLimit:
    return ScopeLimit(frozenset(slugs), frozenset(agents))


@pytest.fixture
def api() -> ScriptedCalypso:
    return ScriptedCalypso(
        buckets=[bucket("a"), bucket("b"), bucket("c"), bucket("old", status="archived")],
        agents=[agent("support", "a", "b"), agent("sales", "c"), agent("all")],
    )


async def slugs(access: Access) -> list[str]:
    return [found.slug for found in await access.buckets()]


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ((), ["a", "b", "c"]),
        ((limit("a", "b"),), ["a", "b"]),
        ((limit("bucket_c"),), ["c"]),
        ((limit("a", "b"), limit("b", "c")), ["b"]),
        ((limit(agents=("support",)),), ["a", "b"]),
        ((limit(agents=("calypso-agent:support",)), limit("b")), ["b"]),
        ((limit("a"), limit(agents=("sales",))), []),
        ((limit(),), []),
        ((limit("nothing-like-it"),), []),
        ((limit("A"),), []),
    ],
)
async def test_limits_intersect(api: ScriptedCalypso, limits: tuple[ScopeLimit, ...], expected: list[str]):
    async with api.state() as state:
        assert await slugs(Access(state, asked=limits)) == expected


async def test_the_credential_and_every_pin_hold_whatever_is_asked(api: ScriptedCalypso):
    pins = (limit("a", "b", "c"), limit(agents=("support",)))
    async with api.state(pins=pins) as state:
        grant = AccessGrant(name="", limit=limit("b", "c"))
        assert Access(state).limits == pins
        assert Access(state, grant, (limit("b"),)).limits == (limit("b", "c"), *pins, limit("b"))
        assert await slugs(Access(state)) == ["a", "b"]
        assert await slugs(Access(state, grant)) == ["b"]


async def test_a_broken_agent_is_named_to_whom_it_was_bound_and_to_nobody_who_asks_for_it(
    api: ScriptedCalypso,
):
    api.agents.append(agent("spy", "c", "gone", missing_bucket_ids=["bucket_gone"]))
    spy, active = limit(agents=("spy",)), ["bucket_a", "bucket_b", "bucket_c"]
    async with api.state() as state:
        bound = Access(state, AccessGrant("one", spy))
        assert [found.profile_id for found in await bound.broken_agents(active)] == ["spy"]
        assert await Access(state, AccessGrant("two", limit("a")), (spy,)).broken_agents(active) == []
        assert await Access(state, asked=(spy,)).broken_agents(active) == []


async def test_a_bucket_out_of_scope_and_one_that_does_not_exist_get_the_same_answer(api: ScriptedCalypso):
    async with api.state() as state:
        access = Access(state, asked=(limit("a"),))
        answers: list[tuple[str, str, str, int]] = []
        for reference in ("b", "x"):
            state.backend_for(AccessGrant(name="")).catalogue.forget()
            api.requests.clear()
            with pytest.raises(ScopeError) as caught:
                await access.require_bucket(reference)
            error = caught.value
            answers.append(
                (error.message.replace(repr(reference), "?"), error.code, error.hint, len(api.requests))
            )
        assert answers[0] == answers[1]


@pytest.mark.parametrize("reference", ["a", "bucket_a", "A"])
async def test_a_bucket_is_found_by_slug_id_or_unambiguous_name(api: ScriptedCalypso, reference: str):
    async with api.state() as state:
        assert (await Access(state).require_bucket(reference)).slug == "a"


async def test_an_archived_bucket_is_not_there(api: ScriptedCalypso):
    async with api.state() as state:
        with pytest.raises(ScopeError):
            await Access(state).require_bucket("old")


async def test_a_bucket_made_a_moment_ago_by_someone_else_is_found(api: ScriptedCalypso):
    async with api.state() as state:
        access = Access(state)
        await access.buckets()
        api.buckets.append(bucket("new"))
        assert (await access.require_bucket("new")).slug == "new"


async def test_the_only_bucket_in_scope_needs_no_name(api: ScriptedCalypso):
    async with api.state() as state:
        assert (await Access(state, asked=(limit("b"),)).target_bucket(None)).slug == "b"
        with pytest.raises(InputError) as caught:
            await Access(state).target_bucket(None)
        assert caught.value.code == "bucket_required"


async def test_an_agent_counts_only_if_all_its_buckets_are_in_scope(api: ScriptedCalypso):
    async with api.state() as state:
        within = Access(state, asked=(limit("a", "b"),))
        assert [found.id for found in await within.agents()] == ["calypso-agent:support"]
        for reference in ("sales", "all", "no-such-agent"):
            with pytest.raises(ScopeError) as caught:
                await within.require_agent(reference)
            assert caught.value.message == f"There is no agent {reference!r} here."
        assert len(await Access(state).agents()) == 3


async def test_a_changed_agent_profile_changes_the_scope_once_the_memory_is_old(api: ScriptedCalypso):
    async with api.state() as state:
        access = Access(state, asked=(limit(agents=("sales",)),))
        assert await slugs(access) == ["c"]
        api.agents[1]["bucket_ids"] = ["bucket_a"]
        assert await slugs(access) == ["c"]
        state.backend_for(AccessGrant(name="")).catalogue.forget()
        assert await slugs(access) == ["a"]


@pytest.mark.parametrize(
    ("allow_create", "limits", "slug", "expected"),
    [
        (False, (), "new", True),
        (False, (limit("new"),), "new", False),
        (True, (limit("new"),), "new", True),
        (True, (limit("new"),), "other", False),
        (True, (limit("new"), limit("a")), "new", False),
        (True, (limit("new"),), None, False),
    ],
)
async def test_a_limited_scope_creates_only_what_it_names_and_only_if_the_operator_allows_it(
    api: ScriptedCalypso,
    allow_create: bool,
    limits: tuple[ScopeLimit, ...],
    slug: str | None,
    expected: bool,
):
    async with api.state(allow_create=allow_create) as state:
        assert Access(state, asked=limits).may_create(slug) is expected


async def test_an_agent_is_meant_by_its_exact_ids_only():
    api = ScriptedCalypso(
        buckets=[bucket("a"), bucket("b")],
        agents=[agent("support", "a"), agent("other", "b") | {"id": "rag:support", "profile_id": "other"}],
    )
    async with api.state(pins=(limit(agents=("support",)),)) as state:
        assert [entry.slug for entry in await Access(state).buckets()] == ["a"]
        assert (await Access(state).require_agent("support")).id == "calypso-agent:support"
    async with api.state(pins=(limit(agents=("rag:support",)),)) as state:
        assert [entry.slug for entry in await Access(state).buckets()] == ["b"]


async def test_an_agent_s_id_that_fits_two_is_an_error_and_no_union():
    api = ScriptedCalypso(
        buckets=[bucket("a"), bucket("b")],
        agents=[agent("support", "a"), agent("support", "b") | {"id": "rag:support"}],
    )
    async with api.state(pins=(limit(agents=("support",)),)) as state:
        with pytest.raises(InputError) as caught:
            await Access(state).buckets()
        assert caught.value.code == "agent_ambiguous"
    async with api.state() as state:
        with pytest.raises(InputError):
            await Access(state).require_agent("support")
        assert (await Access(state).require_agent("rag:support")).bucket_ids == ("bucket_b",)


async def test_a_slug_that_is_another_bucket_s_id_does_not_reach_that_bucket_s_grant():
    api = ScriptedCalypso(buckets=[bucket("a"), bucket("b") | {"slug": "bucket_a"}])
    async with api.state(pins=(limit("bucket_a"),)) as state:
        assert [entry.id for entry in await Access(state).buckets()] == ["bucket_a"]


@pytest.mark.parametrize("named", ["fresh", "calypso-agent:fresh"])
@pytest.mark.parametrize("by", ["grant", "pin"])
async def test_the_id_of_an_agent_that_a_grant_or_a_pin_names_is_reserved(
    api: ScriptedCalypso, named: str, by: str
):
    decisions: dict[str, Any] = {"granted_agents": lambda: frozenset({named})}
    if by == "pin":
        decisions = {"pins": (limit(agents=(named,)),)}
    async with api.state(**decisions) as state:
        assert Access(state).is_reserved_agent("fresh")
        assert not Access(state).is_reserved_agent("other")
