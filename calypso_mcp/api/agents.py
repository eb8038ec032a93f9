"""Agents (model ids bound to buckets) on the wire (API sheet section 8)."""

from __future__ import annotations

from typing import Annotated

from pydantic import StrictBool

from calypso_mcp.api.wire import AnswerModel, AnswerPart, AnyText, WireModel, spelled


class AgentModel(AnswerPart):
    """One agent. `id` is passed through unchanged: both id families are in use.

    Its `buckets`, which say what the list of buckets says, are not kept: they can be all of a large team's.
    """

    id: str
    base_model: AnyText = None
    profile_id: Annotated[str | None, spelled("profile_id", "agent_id")] = None
    name: str | None = None
    #: Of the embedded backend.
    instructions: str | None = None
    source: str | None = None
    enabled: StrictBool = True
    bucket_ids: tuple[str, ...] = ()
    missing_bucket_ids: tuple[str, ...] = ()

    @property
    def live_bucket_ids(self) -> tuple[str, ...]:
        """Ids of the buckets it searches; whether `bucket_ids` also names missing ones is not published."""
        return tuple(bucket_id for bucket_id in self.bucket_ids if bucket_id not in self.missing_bucket_ids)

    @property
    def is_default(self) -> bool:
        """Whether this is the team's default agent."""
        return self.source == "default_policy" or (self.profile_id is None and self.source != "named_profile")


class AgentModelList(AnswerModel):
    """Answer of `GET /rag-agent/models`."""

    object: str = "rag_agent_model_list"
    team_id: AnyText = None
    data: tuple[AgentModel, ...]


class UpdateAgent(WireModel):
    """Body of `PATCH /rag-agent/agents/{id}`; an absent field stays as it is."""

    name: str | None = None
    bucket_ids: tuple[str, ...] | None = None
    bucket_slugs: tuple[str, ...] | None = None
    instructions: str | None = None

    @property
    def bucket_references(self) -> tuple[str, ...] | None:
        """Ids and slugs of the buckets; None where no field names any."""
        if self.bucket_ids is None and self.bucket_slugs is None:
            return None
        return (*(self.bucket_ids or ()), *(self.bucket_slugs or ()))


class CreateAgent(UpdateAgent):
    """Body of `POST /rag-agent/agents`."""

    agent_id: str | None = None


class CreatedAgent(AnswerModel):
    """Answer of the request to create or update one; `model` is the ready-to-use id."""

    model: str
    agent_id: str | None = None
