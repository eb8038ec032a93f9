"""Searches ordered by meaning, with a real embeddings endpoint on a port that works, fails and lies."""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse

from calypso_mcp.domain.retry import RetryPolicy
from calypso_mcp.local.options import EmbeddingOptions, LocalOptions, WriterOptions
from calypso_mcp.local.store import vectors
from tests.contract.test_answers import aicore, ask
from tests.contract.test_written_answers import number_of
from tests.support.chat_endpoint import chat_endpoint
from tests.support.embedding_endpoint import (
    Answer,
    EmbeddingEndpoint,
    embedding_endpoint,
    listed,
    meaning_of,
    right,
)
from tests.support.live_backend import BOUND_S, Api, held_open, in_process, options_for

KEY = "sk-embeddings-0123456789"
QUESTION = "cancel my subscription"
#: By words the first is best; by meaning the second.
BY_WORDS, BY_MEANING = "subscription.md", "membership.md"
FILES = {
    BY_WORDS: "How the subscription fee of a newspaper subscription is worked out.",
    BY_MEANING: "Terminate a subscription in writing: at its end the rest is paid back.",
}


@pytest.fixture
async def endpoint() -> AsyncGenerator[EmbeddingEndpoint]:
    async with held_open(embedding_endpoint) as served:
        yield served


def options(data_dir: Path, endpoint: EmbeddingEndpoint, **fields: Any) -> LocalOptions:
    usual: dict[str, Any] = {
        "model": "test-model",
        "url": endpoint.url,
        "key": KEY,
        "rest_s": 0.0,
        "poll_s": 0.01,
        "pause_s": 0.0,
        "retry": RetryPolicy(attempts=1_000, base_s=0.01, cap_s=0.02),
    }
    return options_for(data_dir, embeddings=EmbeddingOptions(**(usual | fields)))


async def fill(api: Api, files: dict[str, str] = FILES, bucket: str = "docs") -> dict[str, str]:
    """Upload `files` and return their ids by name once they are searchable."""
    ids: dict[str, str] = {}
    for name, text in files.items():
        ids[name] = (await api.upload(text.encode(), bucket, filename=name))["id"]
        assert (await api.settled(ids[name]))["status"] == "active"
    return ids


async def names(api: Api, query: str = QUESTION, bucket: str = "docs") -> tuple[str, list[str]]:
    """Return the strategy of a search and the files it finds."""
    answer = (await api.post("/search", {"query": query, "buckets": [bucket]})).json()
    return answer["strategy"], [result["filename"] for result in answer["results"]]


def lacking(data_dir: Path) -> int:
    """Return how many passages lack vectors; what is written is seen at once."""
    with closing(sqlite3.connect(data_dir / "calypso.db")) as connection:
        return vectors.count_lacking(connection)


async def complete(api: Api) -> None:
    """Wait until every passage has its vector."""
    with anyio.fail_after(BOUND_S):
        while lacking(api.options.data_dir):
            await anyio.sleep(0.01)


async def test_meaning_orders_what_words_find_and_readiness_waits_for_no_vector(
    tmp_path: Path, endpoint: EmbeddingEndpoint
) -> None:
    may_answer = anyio.Event()

    async def held_back(texts: Any) -> Response:
        if texts != [QUESTION]:
            await may_answer.wait()
        return right(texts)

    endpoint.answer = held_back
    async with in_process(options(tmp_path, endpoint)) as api:
        await fill(api)
        assert lacking(tmp_path) == 2
        assert await names(api) == ("hybrid", [BY_WORDS, BY_MEANING])
        may_answer.set()
        await complete(api)
        assert await names(api) == ("hybrid", [BY_MEANING, BY_WORDS])
        assert endpoint.models == {"test-model"}
        assert {headers["authorization"] for headers in endpoint.headers} == {f"Bearer {KEY}"}
        scores = [result["attributes"]["score"] for result in await api.searched(QUESTION, buckets=["docs"])]
        assert scores == sorted(scores, reverse=True)


async def hang(_texts: Any) -> Response:
    await anyio.sleep_forever()
    raise AssertionError


async def long(_texts: Any) -> Response:
    async def pieces() -> AsyncGenerator[bytes]:
        for _ in range(20):
            yield b" " * 1_000_000
            await anyio.lowlevel.checkpoint()

    return StreamingResponse(pieces(), media_type="application/json")


def answering(body: object, status: int = 200) -> Answer:
    return lambda _texts: Response(json.dumps(body), status)


def broken(change: Callable[[list[list[float]]], Sequence[object]]) -> Answer:
    return lambda texts: Response(json.dumps(listed(change([meaning_of(text) for text in texts]))))


FAILURES: dict[str, tuple[Answer, str]] = {
    "hangs": (hang, "did not answer within"),
    "500": (answering({"error": KEY}, 500), "answers with an error (500)"),
    "401": (answering({"error": KEY}, 401), "does not accept the key (401)"),
    "404": (answering({}, 404), "does not know the address or the model (404)"),
    "429": (answering({}, 429), "asks for a pause (429)"),
    "redirect": (lambda _texts: RedirectResponse("http://127.0.0.1:9/v1/embeddings"), "redirect"),
    "garbage": (lambda _texts: Response(b"\xff<html>"), "holds no usable vectors"),
    "deep": (lambda _texts: Response(b"[" * 100_000), "holds no usable vectors"),
    "long": (long, "is too long"),
    "no data": (answering({"data": None}), "holds no usable vectors"),
    "texts for numbers": (broken(lambda made: [["a", "b"] for _ in made]), "holds no usable vectors"),
    "NaN": (broken(lambda made: [[float("nan"), 1.0] for _ in made]), "holds no usable vectors"),
    "infinite": (broken(lambda made: [[float("inf"), 1.0] for _ in made]), "holds no usable vectors"),
    "too large": (broken(lambda made: [[1.7e308] * 3 for _ in made]), "of zeros"),
    "zero": (broken(lambda made: [[0.0] * 8 for _ in made]), "of zeros"),
    "one too many": (broken(lambda made: [*made, made[0]]), "vectors for"),
    "none": (answering({"data": []}), "vectors for"),
    "one index twice": (
        lambda texts: JSONResponse({"data": [{"index": 7, "embedding": meaning_of(t)} for t in texts]}),
        "does not match vectors to texts",
    ),
}


@pytest.mark.parametrize("failure", FAILURES)
async def test_the_order_of_words_stands_where_the_endpoint_fails_and_the_log_says_so(
    failure: str, tmp_path: Path, endpoint: EmbeddingEndpoint, caplog: pytest.LogCaptureFixture
) -> None:
    endpoint.answer, meaning = FAILURES[failure]
    quick = {"question_wait_s": 0.2, "passages_wait_s": 0.2} if failure == "hangs" else {}
    async with in_process(options(tmp_path, endpoint, **quick)) as api:
        await fill(api)
        for _ in range(2):
            assert await names(api) == ("lexical", [BY_WORDS, BY_MEANING])
        said = [
            record.getMessage() for record in caplog.records if "Searches rank by words" in record.message
        ]
        assert len(said) == 1
        assert meaning in said[0]
        assert lacking(tmp_path) == 2
        endpoint.answer = right
        await complete(api)
        assert await names(api) == ("hybrid", [BY_MEANING, BY_WORDS])
    assert KEY not in caplog.text


async def test_an_endpoint_that_nobody_serves_stops_nothing(tmp_path: Path) -> None:
    async with embedding_endpoint() as gone:
        pass
    async with in_process(options(tmp_path, gone)) as api:
        await fill(api)
        assert await names(api) == ("lexical", [BY_WORDS, BY_MEANING])


async def test_after_a_question_without_a_vector_the_next_ones_do_not_wait(
    tmp_path: Path, endpoint: EmbeddingEndpoint
) -> None:
    endpoint.answer = hang
    async with in_process(options(tmp_path, endpoint, question_wait_s=0.2, rest_s=3_600.0)) as api:
        await fill(api)
        await names(api)
        asked = endpoint.texts.count(QUESTION)
        for _ in range(3):
            assert (await names(api))[0] == "lexical"
        assert endpoint.texts.count(QUESTION) == asked == 1


async def test_passages_without_vectors_keep_their_places(
    tmp_path: Path, endpoint: EmbeddingEndpoint
) -> None:
    """The best by words cannot be embedded: it stays first, however close the others are."""

    def picky(texts: Any) -> Response:
        return Response(status_code=400) if any("newspaper" in text for text in texts) else right(texts)

    endpoint.answer = picky
    third = {"other.md": "A subscription of trains and buses, besides the subscription of trams."}
    async with in_process(options(tmp_path, endpoint)) as api:
        await fill(api, FILES | third)
        _, by_words = await names(api)
        await complete(api)
        strategy, found = await names(api)
        place = by_words.index(BY_WORDS)
        assert strategy == "hybrid"
        assert found[place] == BY_WORDS
        assert next(name for name in found if name != BY_WORDS) == BY_MEANING


async def test_a_passage_that_is_too_long_for_the_model_is_embedded_by_its_beginning(
    tmp_path: Path, endpoint: EmbeddingEndpoint
) -> None:
    def short_sighted(texts: Any) -> Response:
        return Response(status_code=413) if any(len(text) > 500 for text in texts) else right(texts)

    endpoint.answer = short_sighted
    lengthy = "Ending a membership. " + "Terminate it in writing. " * 30
    async with in_process(options(tmp_path, endpoint)) as api:
        await fill(api, {"long.md": lengthy, **FILES})
        await complete(api)
        with closing(sqlite3.connect(tmp_path / "calypso.db")) as connection:
            sizes = {size for (size,) in connection.execute("SELECT length(vector) FROM passage_vectors")}
        assert sizes == {64}


async def test_nothing_is_found_outside_the_buckets_that_are_asked(
    tmp_path: Path, endpoint: EmbeddingEndpoint
) -> None:
    async with in_process(options(tmp_path, endpoint)) as api:
        await fill(api, {BY_WORDS: FILES[BY_WORDS]}, "open")
        await fill(api, {BY_MEANING: FILES[BY_MEANING]}, "closed")
        await complete(api)
        assert await names(api, bucket="open") == ("hybrid", [BY_WORDS])


#: The first means what `QUESTION` asks, without one of its words.
WORDLESS = {
    "leaving.md": "Ending a membership needs a letter to the office.",
    "parking.md": "Every vehicle has its own place behind the house.",
    "lunch.md": "The canteen serves soup at noon.",
}


async def test_a_passage_without_a_word_of_the_question_is_found_and_cited(
    tmp_path: Path, endpoint: EmbeddingEndpoint
) -> None:
    async with in_process(options(tmp_path, endpoint)) as api:
        await fill(api, WORDLESS)
        await fill(api, {"copy.md": WORDLESS["leaving.md"]})
        await complete(api)
        answer = (await api.post("/search", {"query": QUESTION, "buckets": ["docs"]})).json()
        assert answer["absent_words"] == ["cancel", "subscription"]
        [hit] = answer["results"]
        assert hit["text"] == WORDLESS["leaving.md"]
        assert [copy["filename"] for copy in hit["attributes"]["also_in"]] == ["copy.md"]
        assert (hit["attributes"]["line_start"], hit["attributes"]["line_end"]) == (1, 1)
        assert 0 < hit["attributes"]["score"] <= 1
        assert await names(api, "weather of tomorrow") == ("hybrid", [])
        for name in ("leaving.md", "copy.md"):
            [found] = await api.searched(QUESTION, buckets=["docs"])
            assert found["filename"] == name
            removed = await api.http.delete(f"/knowledge/sources/{found['file_id']}")
            assert removed.status_code == 200, removed.text
        assert await names(api) == ("hybrid", [])


@pytest.mark.parametrize(
    "narrowed",
    [
        {"buckets": ["other"]},
        {"source": "parking.md"},
        {"tags": ["new"]},
        {"metadata": {"year": 2026}},
    ],
    ids=lambda narrowed: next(iter(narrowed)),
)
async def test_what_narrows_a_search_by_words_narrows_one_by_meaning(
    tmp_path: Path, endpoint: EmbeddingEndpoint, narrowed: dict[str, Any]
) -> None:
    async with in_process(options(tmp_path, endpoint)) as api:
        await fill(api, {"leaving.md": WORDLESS["leaving.md"]})
        for bucket in ("docs", "other"):
            text = f"{WORDLESS['parking.md']} It is in {bucket}."
            file = await api.upload(
                text.encode(), bucket, filename="parking.md", tags=["new"], metadata={"year": 2026}
            )
            assert (await api.settled(file["id"]))["status"] == "active"
        await complete(api)
        asked: dict[str, Any] = {"buckets": ["docs"], "query": QUESTION}
        assert [hit["filename"] for hit in await api.searched(**asked)] == ["leaving.md"]
        assert not await api.searched(**(asked | narrowed))
        by_meaning = await api.searched(**(asked | narrowed | {"query": "automobile"}))
        assert [hit["filename"] for hit in by_meaning] == ["parking.md"]


async def test_passages_found_by_meaning_count_to_the_most_of_one_file(
    tmp_path: Path, endpoint: EmbeddingEndpoint
) -> None:
    lengthy = "\n\n".join(
        f"# Part {part}\n\n" + f"Ending a membership needs letter {part} to the office. " * 40
        for part in "abcd"
    )
    async with in_process(options(tmp_path, endpoint)) as api:
        await fill(api, {**WORDLESS, "long.md": lengthy})
        await complete(api)
        for most, expected in ((None, 8), (2, 2)):
            results = await api.searched(QUESTION, buckets=["docs"], per_file=most)
            assert [hit["filename"] for hit in results].count("long.md") == expected


async def test_a_language_model_sees_what_only_meaning_found_and_nothing_is_quoted_from_it(
    tmp_path: Path, endpoint: EmbeddingEndpoint
) -> None:
    async with held_open(chat_endpoint) as chat:
        chat.writes = lambda messages: (
            f"Ending a membership needs a letter. [{number_of(messages, 'Ending')}]"
        )
        writer = WriterOptions(url=chat.url, model="test-model", wait_s=BOUND_S)
        for written in (None, writer):
            async with in_process(replace(options(tmp_path, endpoint), writer=written)) as api:
                if written is None:
                    await fill(api, WORDLESS)
                    await complete(api)
                kind = aicore(await ask(api, f"How do I {QUESTION}?"))["answer_kind"]
                assert kind == ("abstained" if written is None else "generated")


async def test_vectors_go_with_their_passages_and_a_new_title_makes_new_ones(
    tmp_path: Path, endpoint: EmbeddingEndpoint
) -> None:
    def stored() -> int:
        with closing(sqlite3.connect(tmp_path / "calypso.db")) as connection:
            return int(connection.execute("SELECT count(*) FROM passage_vectors").fetchone()[0])

    async with in_process(options(tmp_path, endpoint)) as api:
        ids = await fill(api)
        await complete(api)
        removed = await api.http.delete(f"/knowledge/sources/{ids[BY_WORDS]}")
        assert removed.status_code == 200, removed.text
        assert stored() == 1
        endpoint.texts.clear()
        retitled = await api.http.patch(f"/knowledge/sources/{ids[BY_MEANING]}", json={"title": "Goodbye"})
        assert retitled.status_code == 200, retitled.text
        await complete(api)
        assert [text.splitlines()[0] for text in endpoint.texts] == ["Goodbye"]
        assert stored() == 1


async def test_a_restart_goes_on_where_it_ended_and_another_model_begins_anew(
    tmp_path: Path, endpoint: EmbeddingEndpoint, caplog: pytest.LogCaptureFixture
) -> None:
    async with in_process(options(tmp_path, endpoint)) as api:
        await fill(api)
        await complete(api)
    endpoint.texts.clear()
    async with in_process(options(tmp_path, endpoint)) as api:
        await fill(api, {"new.md": "The office closes at noon."})
        await complete(api)
        assert len(endpoint.texts) == 1
    endpoint.texts.clear()
    async with in_process(options(tmp_path, endpoint, model="e5-test")) as api:
        await api.until(lambda: api.post("/search", {"query": QUESTION, "buckets": ["docs"]}), is_by_meaning)
        await complete(api)
        passages = [text for text in endpoint.texts if text.startswith("passage: ")]
        assert len(passages) == 3
        assert f"query: {QUESTION}" in endpoint.texts
    assert "The embedding model has changed" in caplog.text


def is_by_meaning(body: dict[str, Any]) -> bool:
    return body["results"][0]["filename"] == BY_MEANING


async def test_a_model_that_changed_behind_its_name_is_noticed(
    tmp_path: Path, endpoint: EmbeddingEndpoint, caplog: pytest.LogCaptureFixture
) -> None:
    async with in_process(options(tmp_path, endpoint)) as api:
        await fill(api)
        await complete(api)
    endpoint.answer = lambda texts: JSONResponse(listed([meaning_of(text, 16) for text in texts]))
    more = {"new.md": "The office closes at noon."}
    async with in_process(options(tmp_path, endpoint)) as api:
        assert await names(api) == ("hybrid", [BY_WORDS, BY_MEANING])
        await fill(api, more)
        await complete(api)
        assert await names(api) == ("hybrid", [BY_MEANING, BY_WORDS])
        # Within one run it is the endpoint that is wrong.
        endpoint.answer = right
        await fill(api, {"last.md": "The last one."})
        with anyio.fail_after(BOUND_S):
            while "another dimension" not in caplog.text:
                await anyio.sleep(0.01)
        assert lacking(tmp_path) == 1


async def test_of_processes_that_share_a_folder_one_makes_the_vectors_and_the_last_model_counts(
    tmp_path: Path, endpoint: EmbeddingEndpoint, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        in_process(options(tmp_path, endpoint)) as first,
        in_process(options(tmp_path, endpoint)) as second,
    ):
        await fill(second)
        await complete(second)
        assert await names(first) == await names(second) == ("hybrid", [BY_MEANING, BY_WORDS])
        passages = [text for text in endpoint.texts if text != QUESTION]
        assert len(passages) == 2
        async with in_process(options(tmp_path, endpoint, model="other")) as third:
            await third.until(
                lambda: third.post("/search", {"query": QUESTION, "buckets": ["docs"]}), is_by_meaning
            )
            for former in (first, second):
                await former.until(
                    lambda former=former: former.post("/search", {"query": QUESTION, "buckets": ["docs"]}),
                    lambda body: body["strategy"] == "lexical",
                )
                assert await names(former) == ("lexical", [BY_WORDS, BY_MEANING])
                assert await names(former, "subscription in writing") == ("lexical", [BY_MEANING, BY_WORDS])
    assert "another embedding model" in caplog.text


async def test_a_question_of_half_a_character_is_searched_by_its_words(
    tmp_path: Path, endpoint: EmbeddingEndpoint
) -> None:
    async with in_process(options(tmp_path, endpoint)) as api:
        await fill(api)
        body = b'{"query": "subscription \\ud800", "buckets": ["docs"]}'
        answer = await api.http.post("/search", content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code in {200, 400}, answer.text


async def test_without_the_setting_nothing_of_it_is_there(tmp_path: Path) -> None:
    async with in_process(options_for(tmp_path)) as api:
        await fill(api)
        assert await names(api) == ("lexical", [BY_WORDS, BY_MEANING])
        assert not (tmp_path / "embedding.lock").exists()


def test_the_key_is_in_no_representation(tmp_path: Path) -> None:
    assert KEY not in repr(options(tmp_path, EmbeddingEndpoint("http://127.0.0.1:1/v1")))


@pytest.fixture(autouse=True)
def warnings_are_kept(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
