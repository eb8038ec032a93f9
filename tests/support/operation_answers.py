"""How each operation of the embedded API answers: what its description says beyond routes and requests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, NotRequired

from typing_extensions import TypedDict

from calypso_mcp.api.batches import Batch, BatchFinalized, BatchSession
from calypso_mcp.api.connection import ConnectionState, Extension
from calypso_mcp.api.files import IndexingTask, KnowledgeFile, UploadSession
from calypso_mcp.api.search import SearchResponse
from calypso_mcp.api.sources import SourceList, SourceRemoved, SourceText

#: Media types of bodies that are no JSON object, in the place of a shape.
EVENT_STREAM: Final = "text/event-stream"
BYTES: Final = "application/octet-stream"
PICTURE: Final = "image/png"


class BoundBucketBody(TypedDict):
    """A bucket as an agent sees it."""

    id: str
    name: str
    slug: str
    status: str


class AgentBody(TypedDict):
    """An agent; `profile_id` is null for the default one."""

    id: str
    base_model: str
    profile_id: str | None
    name: str
    instructions: NotRequired[str]
    source: Literal["named_profile", "default_policy"]
    enabled: bool
    bucket_ids: list[str]
    buckets: list[BoundBucketBody]
    missing_bucket_ids: list[str]


class AgentListBody(TypedDict):
    """The agents of a team."""

    object: Literal["rag_agent_model_list"]
    team_id: str
    data: list[AgentBody]


class CreatedAgentBody(AgentBody):
    """A new agent; `model` is the id that questions name."""

    object: Literal["rag_agent"]
    model: str
    agent_id: str | None


class AnswerBody(TypedDict):
    """A grounded answer, in the shape of a response of OpenAI.

    `metadata._aicore` holds `display_text`, `answer_kind` (`extractive`, `generated` or `abstained`),
    `grounded_sources` and `grounding_supports`.
    """

    id: str
    object: Literal["response"]
    created_at: int
    status: Literal["completed"]
    model: str
    output: list[dict[str, Any]]
    output_text: str
    conversation: dict[str, str]
    usage: dict[str, int]
    metadata: dict[str, Any]


class CountsBody(TypedDict):
    """Members of a bucket by kind, and those that searches find."""

    file: int
    website: int
    qa: int
    retrievable: int


class BucketStoreBody(TypedDict):
    """The searchable side of a bucket."""

    status: Literal["syncing", "active"]
    member_count: int
    indexed_member_count: int
    pending_member_count: int
    warned_member_count: int
    last_error: str | None


class BucketBody(TypedDict):
    """A bucket; the three lists of ids are the same."""

    id: str
    slug: str
    name: str
    status: str
    description: str | None
    memberCount: int
    fileCount: int
    retrievableFileCount: int
    counts: CountsBody
    knowledgeIds: list[str]
    fileIds: list[str]
    fileKnowledgeIds: list[str]
    createdAt: str
    bucketStore: BucketStoreBody


class BucketListBody(TypedDict):
    """The buckets of a team."""

    team_id: str
    buckets: list[BucketBody]


class AssignmentBody(TypedDict):
    """The buckets that a source was put into."""

    assigned: list[str]


class FetchedBody(TypedDict):
    """A knowledge file under the names that these endpoints use (API sheet section 10)."""

    knowledge_id: str
    task_id: str
    title: str | None
    tags: list[str]
    filename: str
    mime_type: str
    size_bytes: int
    sha256: str | None
    ingestion_status: str
    bucketSyncStatus: str | None
    bucketSync: list[dict[str, str]]
    bucket_assignment: AssignmentBody
    replaces: str | None


class WebBody(FetchedBody):
    """A page or a file of the web, as the knowledge file that was made of it."""

    object: Literal["knowledge_website", "knowledge_file"]
    team_id: str
    url: str
    summary: str | None


class QaBody(FetchedBody):
    """A question with its answer, as the knowledge file that holds them."""

    object: Literal["knowledge_qa"]
    question: str


@dataclass(frozen=True)
class Answers:
    """How an operation answers.

    Attributes:
        shapes: By status, the shapes of the body: models, typed dictionaries, or media types.
        refuses: Statuses of refusals beyond those that every operation has.
        extension: What `GET /connection` announces it as; None for an operation of the published API.
        takes_key: Whether a repeated request may carry the same Idempotency-Key.
        takes_range: Whether a part of the bytes may be asked for.
    """

    shapes: Mapping[int, tuple[Any, ...]]
    refuses: tuple[int, ...] = ()
    extension: Extension | None = None
    takes_key: bool = False
    takes_range: bool = False


_FETCHED: Final = Answers({201: (WebBody,)}, refuses=(409, 413, 415, 422, 429), takes_key=True)
#: By the name of the operation's handler.
ANSWERS: Final[Mapping[str, Answers]] = {
    "check_connection": Answers({200: (ConnectionState,)}),
    "list_buckets": Answers({200: (BucketListBody,)}),
    "create_bucket": Answers({201: (BucketBody,)}, refuses=(409,), takes_key=True),
    "create_session": Answers({201: (UploadSession,)}, refuses=(409, 413, 429), takes_key=True),
    "finalize_session": Answers({201: (KnowledgeFile,)}, refuses=(404, 409)),
    "get_file": Answers({200: (KnowledgeFile,)}, refuses=(404,)),
    "get_task": Answers({200: (IndexingTask,)}, refuses=(404,)),
    "create_batch": Answers({201: (BatchSession,)}, refuses=(409, 413, 429)),
    "finalize_batch": Answers({202: (BatchFinalized,)}, refuses=(404,)),
    "get_batch": Answers({200: (Batch,)}, refuses=(404,)),
    "search": Answers({200: (SearchResponse,)}),
    "list_sources": Answers({200: (SourceList,)}, extension=Extension.SOURCES),
    "relabel": Answers({200: (KnowledgeFile,)}, refuses=(404,), extension=Extension.RELABEL),
    "remove": Answers({200: (SourceRemoved,)}, refuses=(404,), extension=Extension.REMOVE),
    "read_text": Answers({200: (SourceText,)}, refuses=(404,), extension=Extension.READ),
    "read_content": Answers(
        {200: (BYTES,), 206: (BYTES,)}, refuses=(404,), extension=Extension.READ, takes_range=True
    ),
    "draw_page": Answers({200: (PICTURE,)}, refuses=(404,), extension=Extension.PICTURES),
    "add_website": _FETCHED,
    "import_url": _FETCHED,
    "add_qa": Answers({201: (QaBody,)}, refuses=(409, 413), extension=Extension.QA, takes_key=True),
    "list_models": Answers({200: (AgentListBody,)}),
    "create_agent": Answers({201: (CreatedAgentBody,)}, refuses=(403, 409), takes_key=True),
    "update_agent": Answers({200: (CreatedAgentBody,)}, refuses=(404,), extension=Extension.UPDATE_AGENTS),
    "answer": Answers({200: (AnswerBody, EVENT_STREAM)}),
}
