"""`POST /knowledge/qa`: a question and its answer as a member of a bucket (extension)."""

from __future__ import annotations

from starlette.requests import Request

from calypso_mcp.api.websites import AddQa
from calypso_mcp.domain.qa import as_markdown, qa_filename, same_question
from calypso_mcp.domain.uploads.declaration import Declaration
from calypso_mcp.local.backend import Backend
from calypso_mcp.local.http.exchange import Answer, answer_created, read_keyed_request
from calypso_mcp.local.refusals import bucket_required, invalid
from calypso_mcp.local.routes.websites import source_fields
from calypso_mcp.local.uploads import keeping

#: As long as one search may be, and as much as an answer of a few pages.
_QUESTION_CHARS = 1_000
_ANSWER_CHARS = 50_000


async def add_qa(backend: Backend, request: Request, body: AddQa) -> Answer:
    """Keep an answer under its question, in place of the one that the question had before."""
    question, answer = " ".join(body.question.split()), body.answer.strip()
    if not question or not answer:
        raise invalid("A question and its answer must not be empty.")
    if len(question) > _QUESTION_CHARS or len(answer) > _ANSWER_CHARS:
        raise invalid(f"A question has at most {_QUESTION_CHARS:,} characters, an answer {_ANSWER_CHARS:,}.")
    if not body.destination.is_given:
        raise bucket_required()
    asked = read_keyed_request(request, "qa", body.to_wire())
    declaration = Declaration(
        filename=qa_filename(question),
        destination=body.destination,
        content_type="text/markdown; charset=utf-8",
        title=question[:300],
        tags=body.tags or (),
        path=same_question(question),
        if_exists="replace",
    )
    kept = await keeping.keep(backend, declaration, as_markdown(question, answer).encode(), "qa", asked)
    wire = {"object": "knowledge_qa", **source_fields(kept), "question": question}
    return answer_created(wire, is_replay=kept.is_replay)
