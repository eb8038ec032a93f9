"""Two agents with disjoint buckets: nothing of the one reaches the other, by any way in.

Everything alpha owns is tried by beta, next to a made-up twin of the same form. Apart from the name itself
both answers must be equal to the letter, and none may hold a word that only alpha's side knows.
"""

from __future__ import annotations

import base64
import json
import re
import shlex
import sys
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import anyio
import pytest
from mcp import StdioServerParameters
from mcp.client import Client
from mcp.client.subscriptions import ListenNotSupportedError
from mcp.shared.exceptions import MCPError
from mcp.shared.subscriptions import ResourceUpdated
from mcp_types import (
    EmptyResult,
    PromptReference,
    ResourceTemplateReference,
    SubscribeRequest,
    SubscribeRequestParams,
    TextResourceContents,
)

from calypso_mcp.server.chat_view import VIEW_URI
from calypso_mcp.server.registry import PROFILES
from calypso_mcp.server.transport.page_routes import page_routes
from tests.support.team_server import BOUND_S, Team, call, team_server

#: Stands in alpha's document, title, metadata, file name and bucket name, and nowhere else.
CANARY = "zanzibar"
ALPHA, BETA = f"alpha-{CANARY}", "beta-docs"
AGENTS = {
    "alpha": f'buckets = ["{ALPHA}"]',
    "beta": f'buckets = ["{BETA}"]',
    "operator": "all_buckets = true",
}
Connect = Callable[[str], AbstractAsyncContextManager[Client]]
#: Name of a client method, and its arguments.
Request = tuple[Any, ...]
Way = Callable[[str], Request]


@dataclass
class Owned:
    """Names of what alpha owns."""

    team: Team
    names: dict[str, str] = field(default_factory=dict[str, str])
    address: str = ""


@pytest.fixture(scope="module", params=[1, 2], ids=["one-worker", "two-workers"])
def owned(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Generator[Owned]:
    with team_server(tmp_path_factory.mktemp("leaks"), AGENTS, workers=request.param) as team:
        found = Owned(team)
        anyio.run(_populate, found)
        yield found


async def _populate(owned: Owned) -> None:
    async with owned.team.client("operator") as client:
        for slug in (ALPHA, BETA):
            created = await call(client, "create_bucket", name=f"Bucket {slug}", slug=slug)
            owned.names[f"id of {slug}"] = created["id"]
        for agent, slug in ((f"{CANARY}-agent", ALPHA), ("beta-agent", BETA)):
            await call(client, "create_agent", agent_id=agent, buckets=[slug])
    async with owned.team.client("beta") as client:
        await call(client, "upload_file", text="Beta sells bicycles.", filename="beta.txt", wait=True)
    async with owned.team.client("alpha") as client:
        labels: dict[str, Any] = {"title": f"{CANARY} title", "tags": [CANARY], "metadata": {"k": CANARY}}
        text = f"The {CANARY} bicycles are blue."
        sent = await call(client, "upload_file", text=text, filename=f"{CANARY}.txt", wait=True, **labels)
        items = [
            {"text": f"{CANARY} {number} bicycles", "filename": f"{CANARY}-{number}.txt"}
            for number in range(2)
        ]
        batch = await call(client, "upload_batch", items=items, wait=True)
        address = await call(client, "upload_file", filename=f"{CANARY}-once.txt")
        said = await call(client, "ask_agent", question="bicycles", agent=f"{CANARY}-agent")
    owned.names |= {"file": sent["file_id"], "task": sent["task_id"], "upload": address["file_id"]}
    async with over_stdio(owned.team, "alpha") as client:
        local = await call(client, "ask_agent", question="bicycles", agent=f"{CANARY}-agent")
    owned.names |= {"batch": batch["batch_ids"][0], "conversation": said["conversation_id"]}
    owned.names["conversation over stdio"] = local["conversation_id"]
    owned.address = shlex.split(address["next_step"].splitlines()[-1])[-1]


@asynccontextmanager
async def over_stdio(team: Team, agent: str) -> AsyncGenerator[Client]:
    """Yield a client of a process of its own on the team's data, confined to the agent's bucket."""
    server = StdioServerParameters(
        command=sys.executable,
        args=["-m", "calypso_mcp", "--bucket", {"alpha": ALPHA, "beta": BETA}[agent]],
        env={"CALYPSO_DATA_DIR": str(team.folder / "data")},
    )
    with anyio.fail_after(3 * BOUND_S):
        async with Client(server) as client:
            yield client


@pytest.fixture(params=["auto", "legacy", "stdio"])
def connect(request: pytest.FixtureRequest, owned: Owned) -> Connect:
    """Return `connect(agent)`: a client over HTTP in either era, or over stdio with a pinned bucket."""

    @asynccontextmanager
    async def open_client(agent: str) -> AsyncGenerator[Client]:
        if request.param == "stdio":
            async with over_stdio(owned.team, agent) as client:
                yield client
        else:
            async with owned.team.client(agent, request.param) as client:
                yield client

    return open_client


async def learned(client: Client, what: str, *arguments: Any) -> str:
    """Return everything a caller learns from one request: result or error, to the letter."""
    try:
        return repr(await getattr(client, what)(*arguments))
    except MCPError as error:
        return repr((error.code, error.message, error.data))


def tool(which: str, /, **arguments: Any) -> Request:
    return "call_tool", which, arguments


def text_for(bucket: str) -> dict[str, Any]:
    return {"text": "some words", "filename": "a.txt", "bucket": bucket}


def cursor_at(name: str, file_id: str) -> str:
    """Return a cursor of the embedded listing behind a source."""
    return base64.urlsafe_b64encode(json.dumps([name, file_id]).encode()).decode().rstrip("=")


SLUG, ID, NAME = ALPHA, f"id of {ALPHA}", f"Bucket {ALPHA}"
#: Ways to name a bucket of somebody else.
BUCKET_WAYS: list[Way] = [
    lambda name: tool("search_bucket", query="bicycles", bucket=name),
    lambda name: tool("search_bucket", query="bicycles", buckets=[BETA, name]),
    lambda name: tool("upload_file", **text_for(name)),
    lambda name: tool("upload_file", filename="a.txt", bucket=name),
    lambda name: tool("upload_file", **text_for(name), create_bucket=True),
    lambda name: tool("upload_batch", items=[text_for(name)]),
    lambda name: tool("upload_batch", items=[{"text": "x", "filename": "a.txt"}], bucket=name),
    lambda name: tool("upload_file", url="http://10.0.0.1/a.txt", bucket=name),
    lambda name: tool("add_website", url="http://10.0.0.1/", bucket=name),
    lambda name: tool("add_website", url="http://10.0.0.1/", bucket=name, create_bucket=True),
    lambda name: tool("add_qa", question="Which bicycles?", answer="Blue ones.", bucket=name),
    lambda name: tool("wait_for_bucket_sync", bucket=name, timeout_s=0),
    lambda name: tool("list_buckets", query=name),
    lambda name: tool("list_sources", bucket=name),
    lambda name: tool("remove_source", bucket=name, name=f"{CANARY}.txt", confirm=True),
    lambda name: tool("read_source", bucket=name, file_id=f"{CANARY}.txt"),
    lambda name: tool("create_agent", agent_id="mine", buckets=[name]),
]
#: Ways to go on with a conversation of somebody else.
CONVERSATION_WAYS: list[Way] = [
    lambda name: tool("ask_agent", question="bicycles", conversation_id=name),
    lambda name: tool("ask_agent", question="bicycles", agent="beta-agent", conversation_id=name),
]
#: What alpha owns, and the ways in which beta names it.
WAYS: list[tuple[str, Way]] = [
    *((kind, way) for kind in (SLUG, ID, NAME) for way in BUCKET_WAYS),
    (SLUG, lambda name: tool("create_bucket", name="Mine", slug=name)),
    (SLUG, lambda name: tool("create_bucket", name=name)),
    (SLUG, lambda name: tool("list_buckets", cursor=name)),
    (SLUG, lambda name: ("read_resource", f"bucket://{name}")),
    (SLUG, lambda name: ("read_resource", f"bucket://{name}/files/file_0")),
    (SLUG, lambda name: ("get_prompt", "ask_bucket", {"question": "q", "bucket": name})),
    (SLUG, lambda name: ("get_prompt", "check_readiness", {"bucket": name})),
    (SLUG, lambda name: ("get_prompt", "ingest_folder", {"directory": "docs", "bucket": name})),
    (
        SLUG,
        lambda name: ("complete", PromptReference(name="ask_bucket"), {"name": "bucket", "value": name[:7]}),
    ),
    (
        SLUG,
        lambda name: (
            "complete",
            ResourceTemplateReference(uri="bucket://{slug}"),
            {"name": "slug", "value": name},
        ),
    ),
    ("agent", lambda name: tool("search_bucket", query="bicycles", agent=name)),
    (
        "agent",
        lambda name: ("complete", PromptReference(name="ask_bucket"), {"name": "agent", "value": name}),
    ),
    ("agent", lambda name: tool("ask_agent", question="bicycles", agent=name)),
    ("agent", lambda name: tool("create_agent", agent=name, buckets=[BETA])),
    ("agent", lambda name: tool("create_agent", agent=name, buckets=[BETA], update=True)),
    *((kind, way) for kind in ("conversation", "conversation over stdio") for way in CONVERSATION_WAYS),
    ("file", lambda name: tool("wait_for_bucket_sync", file_ids=[name], timeout_s=0)),
    ("file", lambda name: ("read_resource", f"bucket://{BETA}/files/{name}")),
    ("file", lambda name: ("read_resource", f"bucket://{BETA}/files/{name}/text")),
    (SLUG, lambda name: ("read_resource", f"bucket://{name}/files/file_0/text")),
    (
        SLUG,
        lambda name: (
            "complete",
            ResourceTemplateReference(uri="bucket://{slug}/files/{file_id}"),
            {"name": "file_id", "value": ""},
            {"slug": name},
        ),
    ),
    (
        "file name",
        lambda name: (
            "complete",
            ResourceTemplateReference(uri="bucket://{slug}/files/{file_id}"),
            {"name": "filename", "value": name},
        ),
    ),
    ("file", lambda name: tool("read_source", file_id=name)),
    ("file", lambda name: tool("remove_source", file_id=name)),
    ("file", lambda name: tool("remove_source", file_id=name, confirm=True)),
    ("file", lambda name: tool("remove_source", file_id=name, bucket=BETA, confirm=True)),
    ("file name", lambda name: tool("remove_source", bucket=BETA, name=name, confirm=True)),
    ("file name", lambda name: tool("list_sources", bucket=BETA, query=name)),
    ("file name", lambda name: tool("search_bucket", query="bicycles", source=name)),
    ("file", lambda name: tool("search_bucket", query="bicycles", source=name)),
    ("file name", lambda name: tool("search_bucket", query="bicycles", tags=[name])),
    ("file name", lambda name: tool("search_bucket", query="bicycles", metadata={"k": name})),
    ("file name", lambda name: tool("list_sources", cursor=cursor_at(name, "file_0"))),
    ("task", lambda name: tool("wait_for_bucket_sync", task_id=name, timeout_s=0)),
    ("batch", lambda name: tool("wait_for_bucket_sync", batch_id=name, timeout_s=0)),
    ("upload", lambda name: tool("wait_for_bucket_sync", file_ids=[name], timeout_s=0)),
]


#: Arguments by which something that another agent owns can be named.
NAMING = {
    *("bucket", "buckets", "agent", "file_id", "file_ids", "batch_id", "task_id", "conversation_id"),
    *("source", "cursor"),
}


def called_by(*kinds: str) -> set[tuple[str, str]]:
    """Return the arguments of WAYS of some kinds, each with what it is an argument of."""
    requests = [way("NAME") for _, way in WAYS]
    return {(name, argument) for kind, name, *given in requests if kind in kinds for argument in given[0]}


async def test_every_argument_that_can_name_something_is_in_the_matrix(
    owned: Owned, connect: Connect
) -> None:
    del owned
    async with connect("beta") as client:
        tools = (await client.list_tools()).tools
        prompts = (await client.list_prompts()).prompts
    called = called_by("call_tool", "get_prompt")
    offered = {(tool.name, argument) for tool in tools for argument in tool.input_schema["properties"]}
    offered |= {(prompt.name, argument.name) for prompt in prompts for argument in prompt.arguments or ()}
    named = {(name, argument) for name, argument in offered if argument in NAMING}
    assert named - called == set(), "add a way for each of these to WAYS"
    assert {tool.name for tool in tools} - {name for name, _ in called} == {"list_agents"}


async def test_every_resource_of_a_bucket_is_in_the_matrix(owned: Owned, connect: Connect) -> None:
    del owned
    read = [uri for kind, uri, *_ in (way("NAME") for _, way in WAYS) if kind == "read_resource"]
    async with connect("beta") as client:
        templates = (await client.list_resource_templates()).resource_templates
    addresses = [template.uri_template for template in templates if "{slug}" in template.uri_template]
    forms = [re.sub(r"{\w+}", "[^/]+", address) for address in addresses]
    assert forms
    assert [form for form in forms if not any(re.fullmatch(form, uri) for uri in read)] == []


def twin_of(name: str) -> str:
    """Return a made-up name of the same form and length, one that nothing has."""
    head, separator, tail = name.rpartition(
        "_" if name.startswith(("file_", "task_", "batch_", "bucket_", "upload_", "conv_")) else "-"
    )
    return (
        head
        + separator
        + "".join(
            chr((ord(c) - 97 + 7) % 26 + 97)
            if c.isalpha() and c.islower()
            else ("3" if c == "4" else "4")
            if c.isdigit()
            else c
            for c in tail
        )
    )


def neutral(answer: str, name: str) -> str:
    """Return `answer` without the name asked for and without what differs from call to call."""
    return re.sub(r"req_[0-9a-f]+|upload_[A-Za-z0-9_-]{22,}|waited_s.{0,8}", "~", answer.replace(name, "?"))


def real_names(owned: Owned) -> dict[str, str]:
    """Return the names of what alpha owns, by kind."""
    named = {SLUG: SLUG, NAME: NAME, "agent": f"{CANARY}-agent", "file name": f"{CANARY}.txt"}
    return owned.names | named


async def test_what_another_agent_owns_cannot_be_told_apart_from_what_does_not_exist(
    owned: Owned, connect: Connect
) -> None:
    real = real_names(owned)
    differing: list[tuple[str, str, str]] = []
    async with connect("beta") as client:
        for kind, way in WAYS:
            name, twin = real[kind], twin_of(real[kind])
            told = [neutral(await learned(client, *way(entry)), entry) for entry in (twin, name)]
            shortened = [answer.replace(name[:7], "?").replace(twin[:7], "?") for answer in told]
            if shortened[0] != shortened[1]:
                differing.append((str(way(name)), told[0], told[1]))
            assert CANARY not in told[1].replace(name, ""), way(name)
    assert differing == []


async def test_no_list_count_or_search_of_one_agent_mentions_another(owned: Owned, connect: Connect) -> None:
    async with connect("beta") as client:
        requests: list[Request] = [
            tool("list_buckets", include_archived=True),
            tool("list_agents"),
            tool("list_sources"),
            tool("list_sources", state="ready", limit=200),
            tool("wait_for_bucket_sync", timeout_s=0),
            tool("search_bucket", query=f"{CANARY} bicycles"),
            tool("ask_agent", question=f"Which {CANARY} bicycles are blue?"),
            tool("search_bucket", query="bicycles", max_results=20, detail="full"),
            ("list_tools",),
            ("list_resources",),
            ("list_resource_templates",),
            ("list_prompts",),
            ("read_resource", "calypso://agents"),
            ("read_resource", f"bucket://{BETA}"),
            ("complete", ResourceTemplateReference(uri="bucket://{slug}"), {"name": "slug", "value": ""}),
            ("complete", PromptReference(name="ask_bucket"), {"name": "agent", "value": ""}),
        ]
        everything = [await learned(client, *request) for request in requests]
        listed = await call(client, "list_buckets")
        found = await call(client, "search_bucket", query="bicycles")
    hidden = {CANARY, *(owned.names[kind] for kind in owned.names if kind != f"id of {BETA}")}
    # The caller's own words may come back: in the query, and among those that its own documents lack.
    echoes = (
        f"{CANARY} bicycles",
        f"'absent_words': ['{CANARY}']",
        f"No document searched contains: {CANARY}.",
    )
    for answer in everything:
        for echo in echoes:
            answer = answer.replace(echo, "")  # noqa: PLW2901 - what is left is looked at
        assert not [word for word in hidden if word in answer]
    assert listed["total"] == 1
    assert {hit["bucket"] for hit in found["hits"]} == {BETA}
    async with connect("alpha") as client:
        assert (await call(client, "list_buckets"))["total"] == 1
        own = await call(client, "search_bucket", query="bicycles")
        assert {hit["bucket"] for hit in own["hits"]} == {ALPHA}


async def test_a_conversation_goes_on_with_whoever_began_it_and_with_nobody_else(connect: Connect) -> None:
    async with connect("alpha") as client:
        begun = await call(client, "ask_agent", question=f"What colour have {CANARY} bicycles?")
    # A new process over stdio, and over HTTP whichever worker it is that comes next.
    async with connect("alpha") as client:
        later = await call(
            client, "ask_agent", question="and blue?", conversation_id=begun["conversation_id"]
        )
        again = await call(client, "ask_agent", question="blue?", conversation_id=later["conversation_id"])
    for answer in (later, again):
        assert "It takes the previous question into account" in answer["answer"]
        assert answer["agent"] == begun["agent"]
    async with connect("beta") as client:
        for made in (begun, later):
            arguments = {"question": "and blue?", "conversation_id": made["conversation_id"]}
            refused = await client.call_tool("ask_agent", arguments)
            assert refused.structured_content
            assert refused.structured_content["error"]["code"] == "conversation_not_found"


@pytest.mark.parametrize(
    "query", [f"?buckets={ALPHA}", f"?buckets={ALPHA},{BETA}", f"?agent={CANARY}-agent", "?buckets="]
)
async def test_an_address_or_header_never_widens_what_a_token_reaches(owned: Owned, query: str) -> None:
    async with owned.team.client("beta", query=query) as client:
        listed = await call(client, "list_buckets")
    assert {bucket["slug"] for bucket in listed["buckets"]} <= {BETA}
    name, _, value = query[1:].partition("=")
    async with owned.team.http("beta", **{f"Calypso-{name.title()}": value}) as http:
        body = {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "tools/call",
            "params": {"name": "list_buckets", "arguments": {}},
        }
        accept = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2025-06-18"}
        answer = await http.post("/mcp", json=body, headers=accept)
    assert answer.status_code == 200
    assert CANARY not in answer.text


async def test_the_view_in_a_chat_holds_nothing_of_any_bucket_and_leads_to_the_page(owned: Owned) -> None:
    texts: list[str] = []
    for agent in ("alpha", "beta"):
        async with owned.team.client(agent) as client:
            [contents] = (await client.read_resource(VIEW_URI)).contents
        assert isinstance(contents, TextResourceContents)
        texts.append(contents.text)
    addresses = [re.search(r'data-page="(http://[^"]+/ui/)"', text) for text in texts]
    assert all(addresses)
    assert CANARY not in "".join(texts)
    async with owned.team.http("alpha") as http:
        assert "Calypso Buckets" in (await http.get("/ui/")).text


#: Requests to the routes of the page: what is named, method, path and body, `{}` being the name.
PAGE_WAYS: list[tuple[str, str, str, dict[str, Any] | None]] = [
    *(
        way
        for kind in (SLUG, ID, NAME)
        for way in (
            (kind, "GET", "/page/sources?bucket={}", None),
            (kind, "POST", "/page/uploads", {"bucket": "{}", "path": "a.txt"}),
            (kind, "POST", "/page/search", {"query": "bicycles", "buckets": ["{}"]}),
        )
    ),
    ("file name", "GET", f"/page/sources?bucket={BETA}&query={{}}", None),
    ("file", "GET", f"/page/sources?bucket={BETA}&cursor={{}}", None),
    ("file name", "POST", "/page/search", {"query": "{}"}),
    ("file", "PATCH", "/page/sources/{}", {"tags": ["mine"]}),
    ("file", "GET", "/page/sources/{}/content", None),
    ("file", "GET", "/page/sources/{}/pages/1/picture", None),
]
#: Routes of the page that name nothing.
NAMELESS = {("GET", "/page/abilities")}


def test_every_route_of_the_page_is_in_the_matrix() -> None:
    nothing: Any = None
    offered = {
        (method, re.sub(r"{\w+}", "{}", route.path.replace("{page}", "1")))
        for route in page_routes(nothing, nothing, frozenset())
        for method in (route.methods or set()) - {"HEAD"}
    }
    tried = {(method, path.partition("?")[0]) for _, method, path, _ in PAGE_WAYS}
    assert offered == tried | NAMELESS


async def test_the_routes_of_the_page_tell_nothing_of_what_another_agent_owns(owned: Owned) -> None:
    real = real_names(owned)
    async with owned.team.http("beta") as http:
        for kind, method, path, body in PAGE_WAYS:
            told: list[tuple[int, str]] = []
            for name in (twin_of(real[kind]), real[kind]):
                sent = json.loads(json.dumps(body).replace('"{}"', json.dumps(name)))
                answer = await http.request(method, path.format(quote(name, safe="")), json=sent)
                told.append((answer.status_code, neutral(answer.text, name)))
                assert CANARY not in answer.text.replace(name, ""), path
            assert told[0] == told[1], path
        for method, path in NAMELESS:
            assert CANARY not in (await http.request(method, path)).text
    async with owned.team.http("alpha") as http:
        own = await http.get(f"/page/sources/{real['file']}/content")
        assert CANARY in own.text


#: Calls of the tools of the profile for ChatGPT.
SOUGHT_WAYS: list[tuple[str, Way]] = [
    ("file name", lambda name: tool("search", query=name)),
    *(
        ("file", lambda name, form=form: tool("fetch", id=form.format(name)))
        for form in ("{}", "{}#passage 1", "{}#page 1", "{}?bicycles")
    ),
    ("file name", lambda name: tool("fetch", id=f"{name}?bicycles")),
]


@pytest.mark.parametrize("era", ["auto", "legacy"])
async def test_search_and_fetch_tell_nothing_of_what_another_agent_owns(
    owned: Owned, tmp_path: Path, era: str
) -> None:
    assert set(PROFILES) == {"full", "chatgpt"}
    real = real_names(owned)
    data = str(owned.team.folder / "data")
    with team_server(tmp_path, AGENTS, CALYPSO_PROFILE="chatgpt", CALYPSO_DATA_DIR=data) as team:
        async with team.client("beta", era) as client:
            offered = {entry.name for entry in (await client.list_tools()).tools}
            assert offered == {way("NAME")[1] for _, way in SOUGHT_WAYS}
            for kind, way in SOUGHT_WAYS:
                name, twin = real[kind], twin_of(real[kind])
                told = [neutral(await learned(client, *way(entry)), entry) for entry in (twin, name)]
                assert told[0] == told[1], way(name)
                assert CANARY not in told[1]
            assert CANARY not in await learned(client, *tool("search", query="bicycles"))
        async with team.client("alpha", era) as client:
            assert CANARY in await learned(client, *tool("fetch", id=real["file"]))


async def test_a_one_time_address_brings_a_file_to_its_owner_only(owned: Owned) -> None:
    path = owned.address.removeprefix(owned.team.origin)
    async with owned.team.client("alpha") as client:
        fresh = await call(client, "upload_file", filename=f"{CANARY}-third.txt")
    address = shlex.split(fresh["next_step"].splitlines()[-1])[-1]
    async with owned.team.http("beta") as http:
        # Holding the address is the credential: whoever has it may deliver, once, and learns only the id.
        sent = await http.put("/" + address.split("/", 3)[3], content=b"delivered words")
        assert sent.status_code == 201
        assert CANARY not in sent.text
        assert (await http.get(path)).status_code in (401, 404, 405)
    file_id = sent.json()["file_id"]
    async with owned.team.client("beta") as client:
        assert (
            await client.call_tool("wait_for_bucket_sync", {"file_ids": [file_id], "timeout_s": 0})
        ).is_error
    async with owned.team.client("alpha") as client:
        assert (await call(client, "wait_for_bucket_sync", file_ids=[fresh["file_id"]]))[
            "readiness"
        ] == "ready"


async def listened(client: Client, uri: str) -> str:
    """Return what a caller learns from asking to watch `uri` next to a bucket of its own."""
    try:
        async with client.listen(resource_subscriptions=[f"bucket://{BETA}", uri]) as events:
            return repr(events.honored)
    except ListenNotSupportedError:
        # The handshake era's own way: over stdio, it is refused for what is out of reach; over HTTP, for all.
        request = SubscribeRequest(params=SubscribeRequestParams(uri=uri))
        with pytest.raises(MCPError) as caught:
            await client.session.send_request(request, EmptyResult)
        return repr((caught.value.code, caught.value.message, caught.value.data))


async def test_asking_to_watch_tells_nothing_of_what_another_agent_owns(
    owned: Owned, connect: Connect
) -> None:
    file_id = owned.names["file"]
    watched = [
        (ALPHA, "bucket://{}"),
        (ALPHA, f"bucket://{{}}/files/{file_id}"),
        (file_id, f"bucket://{BETA}/files/{{}}"),
        (owned.names[ID], "bucket://{}"),
    ]
    async with connect("beta") as client:
        for name, uri in watched:
            twin = twin_of(name)
            told = [(await listened(client, uri.format(entry))).replace(entry, "?") for entry in (name, twin)]
            assert told[0] == told[1]
            assert CANARY not in told[0]


async def test_who_watches_hears_of_its_own_bucket_and_never_of_another_agents(owned: Owned) -> None:
    uris = [f"bucket://{ALPHA}", f"bucket://{BETA}"]
    heard: dict[str, list[Any]] = {"alpha": [], "beta": []}
    with anyio.fail_after(2 * BOUND_S):
        async with (
            owned.team.client("alpha") as alpha,
            owned.team.client("beta") as beta,
            alpha.listen(resource_subscriptions=uris) as of_alpha,
            beta.listen(resource_subscriptions=uris) as of_beta,
        ):
            for agent, client, events in (("alpha", alpha, of_alpha), ("beta", beta, of_beta)):
                # Alpha's change comes first, so beta's stream had every chance to tell of it.
                await call(client, "upload_file", text=f"News of {agent}.", filename=f"{agent}-news.txt")
                heard[agent].append(await anext(aiter(events)))
    assert heard == {
        "alpha": [ResourceUpdated(uri=f"bucket://{ALPHA}")],
        "beta": [ResourceUpdated(uri=f"bucket://{BETA}")],
    }


async def test_no_token_or_upload_address_is_in_any_log_line(owned: Owned) -> None:
    await owned.team.logged("tool upload_file ok")
    ticket = owned.address.rpartition("/")[2]
    assert len(ticket) > 100
    for secret in (*owned.team.secrets, ticket, ticket[:40], "/upload/"):
        assert secret not in owned.team.logs
