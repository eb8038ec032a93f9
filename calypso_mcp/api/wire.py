"""How wire models read and write: tolerant of extra and renamed fields, canonical when written."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)

from calypso_mcp.domain.addresses import without_queries
from calypso_mcp.domain.json_values import is_object


class WireModel(BaseModel):
    """A JSON body of the API.

    Unknown fields are ignored, because live bodies carry more than is published. Spelling variants
    (API sheet section 14) are read through validation aliases; `to_wire` writes the documented one.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        populate_by_name=True,
        hide_input_in_errors=True,
        defer_build=True,  # a server's start pays for no model that it does not use
    )

    def to_wire(self) -> dict[str, Any]:
        """Return the JSON object in the API's own spelling, without absent optional fields."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


def spelled(*spellings: str, written: str | None = None) -> Any:
    """Return what reads a field under the first of `spellings` that is there, and writes it as `written`."""
    return Field(validation_alias=AliasChoices(*spellings), serialization_alias=written)


def _text_or_none(value: object) -> str | None:
    return value if isinstance(value, str) else None


#: A text that only describes: one of another type, which the API sheet does not rule out, is left out.
AnyText = Annotated[str | None, BeforeValidator(_text_or_none)]


#: Why something failed, in the API's words.
StatedReason = Annotated[str, AfterValidator(without_queries)] | None


class AnswerPart(WireModel):
    """Something in an answer. What is null counts as left out: it must not fail all that stands beside it."""

    @model_validator(mode="before")
    @classmethod
    def _leave_out_null(cls, value: object) -> object:
        if not is_object(value) or None not in value.values():
            return value
        return {name: field for name, field in value.items() if field is not None}


class AnswerModel(AnswerPart):
    """The whole body of an answer; `request_id` names the request to those who support the API."""

    request_id: AnyText = None
