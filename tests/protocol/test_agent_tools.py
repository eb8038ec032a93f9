"""list_agents and create_agent through a real client."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from calypso_mcp.domain.callers.access import ScopeLimit
from tests.support.mcp_answers import Connect, error, facts
from tests.support.scripted_calypso import ScriptedCalypso, agent, bucket
from tests.support.upload_rig import upload_rig

CREATE = "POST /rag-agent/agents"


def limit(*slugs: str) -> ScopeLimit:
    return ScopeLimit(frozenset(slugs))


async def test_agents_are_listed_with_their_buckets_and_broken_bindings(
    connect: Connect, api: ScriptedCalypso
):
    api.agents = [
        agent("support", "handbook", missing_bucket_ids=["bucket_gone"], name="Help\ndesk"),
        agent("legacy", "pricing", id="calypso-rag-agent:legacy", name="legacy"),
    ]
    async with connect() as client:
        assert facts(await client.call_tool("list_agents"))["agents"] == [
            {
                "agent": "calypso-agent:support",
                "name": "Help desk",
                "default": False,
                "enabled": True,
                "buckets": ["handbook"],
                "broken": True,
            },
            {
                "agent": "calypso-rag-agent:legacy",
                "default": False,
                "enabled": True,
                "buckets": ["pricing"],
                "broken": False,
            },
        ]


async def test_many_agents_of_many_buckets_stay_a_small_result(connect: Connect, api: ScriptedCalypso):
    slugs = [f"bucket-number-{number}" for number in range(50)]
    api.buckets = [bucket(slug) for slug in slugs]
    api.agents = [agent(f"agent-{number}", *slugs) for number in range(300)]
    async with connect() as client:
        agents = await client.call_tool("list_agents")
        buckets = await client.call_tool("list_buckets", {"limit": 50})

    listed = facts(agents)
    assert len(listed["agents"]) + listed["omitted"] == 300
    assert {len(entry["buckets"]) + entry["more_buckets"] for entry in listed["agents"]} == {50}
    assert {len(entry["agents"]) + entry["more_agents"] for entry in facts(buckets)["buckets"]} == {300}
    for result in agents, buckets:
        assert len(result.model_dump_json()) < 100_000


async def test_under_a_limit_only_agents_wholly_inside_are_listed(connect: Connect):
    async with connect(pins=(limit("handbook", "pricing"),)) as client:
        listed = facts(await client.call_tool("list_agents"))["agents"]
        assert [entry["agent"] for entry in listed] == ["calypso-agent:support"]


BROKEN = [
    agent("support", "handbook", "gone", missing_bucket_ids=["bucket_gone"]),
    agent("support", "handbook", missing_bucket_ids=["bucket_gone"]),
    agent("support", "handbook", "shut"),
    agent("support", missing_bucket_ids=["bucket_gone"]),
]


@pytest.mark.parametrize("broken", BROKEN)
async def test_a_profile_that_lost_buckets_says_so_to_whom_the_operator_bound_to_it(
    connect: Connect, api: ScriptedCalypso, broken: dict[str, Any]
):
    api.buckets.append(bucket("shut", status="archived"))
    api.agents = [broken, agent("spy", "vault", "gone", missing_bucket_ids=["bucket_gone"])]
    async with connect(pins=(ScopeLimit(agents=frozenset({"support"})),)) as client:
        listed = facts(await client.call_tool("list_agents"))["agents"]
    assert [(entry["agent"], entry["broken"]) for entry in listed] == [("calypso-agent:support", True)]
    assert "gone" not in str(listed)
    assert "shut" not in str(listed)


async def test_what_is_left_of_a_profile_can_still_be_searched(connect: Connect, api: ScriptedCalypso):
    api.agents = BROKEN[:1]
    async with connect(pins=(ScopeLimit(agents=frozenset({"support"})),)) as client:
        found = facts(await client.call_tool("search_bucket", {"query": "x", "agent": "support"}))
    assert found["searched"] == "handbook"


async def test_an_agent_is_created_with_the_ids_of_buckets_in_scope(connect: Connect, api: ScriptedCalypso):
    async with connect(pins=(limit("handbook", "pricing"),), allow_create=True) as client:
        arguments = {"agent": "helper", "buckets": ["handbook", "pricing"], "instructions": "Be kind."}
        made = facts(await client.call_tool("create_agent", arguments))
        assert made == {
            "agent": "calypso-agent:helper",
            "buckets": ["handbook", "pricing"],
            "created": True,
        }
        assert api.asked(CREATE)[0]["bucket_ids"] == ["bucket_handbook", "bucket_pricing"]
        listed = facts(await client.call_tool("list_agents"))["agents"]
        assert "calypso-agent:helper" in [entry["agent"] for entry in listed]


async def test_a_bucket_out_of_scope_cannot_be_bound(connect: Connect, api: ScriptedCalypso):
    async with connect(pins=(limit("handbook"),), allow_create=True) as client:
        for slug in ("vault", "nosuch"):
            told = error(
                await client.call_tool("create_agent", {"agent_id": "x", "buckets": ["handbook", slug]})
            )
            assert told["message"] == f"There is no bucket {slug!r} here."
    assert not api.asked(CREATE)


async def test_a_taken_id_says_nothing_about_the_agent_that_has_it(connect: Connect, api: ScriptedCalypso):
    taken = {"error": {"code": "agent_id_exists", "message": "spy is bound to bucket_vault"}}
    api.scripted[CREATE] = lambda _body: (409, taken)
    async with connect(pins=(limit("handbook"),), allow_create=True) as client:
        result = await client.call_tool("create_agent", {"agent_id": "spy", "buckets": ["handbook"]})
        assert error(result)["code"] == "agent_id_exists"
        assert "vault" not in str(result)


async def test_the_same_agent_again_is_returned_and_said_to_exist(connect: Connect, api: ScriptedCalypso):
    taken = {"error": {"code": "agent_id_exists", "message": "exists"}}
    api.scripted[CREATE] = lambda _body: (409, taken)
    async with connect() as client:
        arguments = {"agent_id": "support", "buckets": ["pricing", "handbook"]}
        assert facts(await client.call_tool("create_agent", arguments))["created"] is False


async def test_under_a_limit_agents_are_created_only_where_the_operator_allows_it(
    connect: Connect, api: ScriptedCalypso
):
    async with connect(pins=(limit("handbook"),)) as client:
        refused = [
            error(await client.call_tool("create_agent", {"agent_id": name, "buckets": [bucket]}))
            for name in ("spy", "free")
            for bucket in ("handbook", "vault", "nosuch")
        ]
    assert refused == [refused[0]] * 6
    assert refused[0]["code"] == "permission_denied"
    assert not api.asked(CREATE)


@pytest.mark.parametrize("named", ["sales", "Sales", "calypso-agent:sales", "sales-", "-Sales-", "x:sales-"])
async def test_an_id_that_another_caller_s_grant_names_looks_taken_and_makes_nothing(
    connect: Connect, api: ScriptedCalypso, named: str
):
    decisions: dict[str, Any] = {"pins": (limit("handbook"),), "allow_create": True}
    body = {"agent_id": named, "buckets": ["handbook"]}
    async with connect(granted_agents=lambda: frozenset({"sales"}), **decisions) as client:
        reserved = error(await client.call_tool("create_agent", body))
    assert api.asked(CREATE) == []
    taken = {"error": {"code": "agent_id_exists", "message": "Taken."}}
    api.scripted[CREATE] = lambda _body: (409, taken)
    async with connect(**decisions) as client:
        assert error(await client.call_tool("create_agent", body)) == reserved


async def test_an_agent_of_this_caller_gets_other_buckets_and_keeps_its_name(tmp_path: Path, era: str):
    async with upload_rig(tmp_path / "data", era=era) as rig:
        for slug, words in (("faq", "The link is valid for an hour."), ("rules", "Badges are blue.")):
            await rig.ok("create_bucket", name=slug, slug=slug)
            await rig.ok("upload_file", text=words, filename=f"{slug}.md", bucket=slug, wait=True)
        made = await rig.ok(
            "create_agent", agent="help", buckets=["faq"], name="Help", instructions="Be kind."
        )
        assert "unused" in made["note"]
        again = await rig.ok("create_agent", agent="help", buckets=["faq"], name="Other")
        assert "update=true" in again["note"]
        changed = await rig.ok("create_agent", agent="help", buckets=["rules"], update=True)
        assert changed == {"agent": "calypso-agent:help", "buckets": ["rules"], "created": False}
        listed = {entry["agent"]: entry for entry in (await rig.ok("list_agents"))["agents"]}
        assert listed["calypso-agent:help"]["buckets"] == ["rules"]
        answered = await rig.ok("ask_agent", question="Which colour are badges?", agent="help")
        assert "blue" in answered["answer"]
        for name, code in (("calypso-agent", "not_supported"), ("nobody", "agent_not_found")):
            refused = await rig.refused("create_agent", agent=name, buckets=["faq"], update=True)
            assert refused["code"] == code


async def test_a_name_makes_the_id_of_an_agent_and_its_listed_id_names_it_again(
    tmp_path: Path, era: str
) -> None:
    async with upload_rig(tmp_path / "data", era=era) as rig:
        for slug in ("docs", "more"):
            await rig.ok("create_bucket", name=slug, slug=slug)
        made = await rig.ok("create_agent", agent="Help Desk", buckets=["docs"])
        assert (made["agent"], made["created"]) == ("calypso-agent:help-desk", True)
        again = await rig.ok("create_agent", agent=made["agent"], buckets=["docs"])
        assert (again["agent"], again["created"]) == (made["agent"], False)
        changed = await rig.ok("create_agent", agent=made["agent"], buckets=["docs", "more"], update=True)
        assert (changed["agent"], changed["buckets"]) == (made["agent"], ["docs", "more"])
        [listed] = [card for card in (await rig.ok("list_agents"))["agents"] if not card["default"]]
        assert (listed["name"], listed["buckets"]) == ("Help Desk", ["docs", "more"])


@pytest.mark.parametrize(
    ("given", "made", "name"),
    [
        ("Support: EU", "support-eu", "Support: EU"),
        ("Sales:", "sales", "Sales:"),
        ("日本", "agent-cf2abf0c", "日本"),
        ("plain--id", "plain-id", None),
    ],
)
async def test_all_of_a_name_makes_the_id_of_an_agent(
    connect: Connect, api: ScriptedCalypso, given: str, made: str, name: str | None
) -> None:
    async with connect() as client:
        facts(await client.call_tool("create_agent", {"agent": given, "buckets": ["handbook"]}))
    assert (api.asked(CREATE)[0]["agent_id"], api.asked(CREATE)[0].get("name")) == (made, name)


async def test_only_an_agent_in_scope_can_be_changed_and_only_to_buckets_in_scope(tmp_path: Path, era: str):
    async with upload_rig(tmp_path / "data", era=era) as rig:
        for slug in ("mine", "theirs"):
            await rig.ok("create_bucket", name=slug, slug=slug)
        for name, bound in (("own", ["mine"]), ("spy", ["theirs"]), ("wide", ["mine", "theirs"])):
            await rig.ok("create_agent", agent=name, buckets=bound)
    decisions: dict[str, Any] = {"pins": (limit("mine"),), "allow_create": True}
    async with upload_rig(tmp_path / "data", era=era, decisions=decisions) as rig:
        attempts = [
            ("spy", "mine"),
            ("wide", "mine"),
            ("nobody", "mine"),
            ("own", "theirs"),
            ("own", "nowhere"),
        ]
        refused = [
            await rig.refused("create_agent", agent=name, buckets=[bound], update=True)
            for name, bound in attempts
        ]
        assert [refusal["code"] for refusal in refused] == ["agent_not_found"] * 3 + ["bucket_not_found"] * 2
        assert refused[0]["message"].replace("spy", "nobody") == refused[2]["message"]
        await rig.ok("create_agent", agent="own", buckets=["mine"], instructions="Be kind.", update=True)
    reserved = {**decisions, "granted_agents": lambda: frozenset({"own"})}
    async with upload_rig(tmp_path / "data", era=era, decisions=reserved) as rig:
        refused = [await rig.refused("create_agent", agent="own", buckets=["mine"], update=True)]
        assert refused[0]["code"] == "agent_id_exists"
    async with upload_rig(tmp_path / "data", era=era) as rig:
        listed = {entry["agent"]: entry["buckets"] for entry in (await rig.ok("list_agents"))["agents"]}
        assert listed["calypso-agent:spy"] == ["theirs"]
        assert listed["calypso-agent:wide"] == ["mine", "theirs"]


async def test_an_agent_that_left_the_scope_or_that_a_grant_names_by_another_id_is_not_changed(
    connect: Connect, api: ScriptedCalypso
):
    path = "PATCH /rag-agent/agents"
    api.scripted["GET /connection"] = lambda _body: (200, {"extensions": ["update_agents"]})
    for name in ("own", "sales"):
        changed = {"model": name, "agent_id": name}
        api.scripted[f"{path}/{name}"] = lambda _body, changed=changed: (200, changed)
    api.agents = [agent("own", "handbook"), agent("sales", "handbook", id="a-17")]
    decisions: dict[str, Any] = {"pins": (limit("handbook"),), "allow_create": True}
    arguments = {"buckets": ["handbook"], "update": True}
    async with connect(granted_agents=lambda: frozenset({"sales"}), **decisions) as client:
        facts(await client.call_tool("create_agent", {"agent": "own", **arguments}))
        api.requests.clear()
        for name in ("sales", "a-17"):
            refused = error(await client.call_tool("create_agent", {"agent": name, **arguments}))
            assert refused["code"] == "agent_id_exists", name
        facts(await client.call_tool("list_agents"))
        api.agents[0] = agent("own", "handbook", "vault")
        refused = error(await client.call_tool("create_agent", {"agent": "own", **arguments}))
        assert refused["code"] == "agent_not_found"
    assert not [what for what, _ in api.requests if what.startswith(path)]


async def test_a_hosted_api_that_cannot_change_agents_says_so(connect: Connect, api: ScriptedCalypso):
    async with connect() as client:
        arguments = {"agent": "support", "buckets": ["handbook"], "update": True}
        assert error(await client.call_tool("create_agent", arguments))["code"] == "not_supported"
    assert not api.asked(CREATE)
