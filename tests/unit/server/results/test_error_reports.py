"""Errors as agents read them."""

from __future__ import annotations

import re
from typing import Annotated

import pytest
from mcp_types import TextContent
from pydantic import BaseModel, Field, ValidationError
from pydantic_core import InitErrorDetails

from calypso_mcp import errors
from calypso_mcp.server.results import error_reports


def all_errors() -> list[type[errors.CalypsoError]]:
    found: list[type[errors.CalypsoError]] = []
    waiting = [errors.CalypsoError]
    while waiting:
        kind = waiting.pop()
        found.append(kind)
        waiting += kind.__subclasses__()
    # Those of the command line are for people, and exist only where it was imported.
    return [kind for kind in found if kind.__module__ == errors.__name__]


def text_of(error: errors.CalypsoError) -> str:
    content = error_reports.report(error).content[0]
    assert isinstance(content, TextContent)
    return content.text


def test_the_text_alone_says_everything_the_structure_says():
    error = errors.RateLimited(
        "Too many creates.",
        hint="Wait, then call upload_file again.",
        code="rate_limited",
        request_id="req_9",
        retry_after_s=2.5,
        ids={"file_id": "file_1"},
    )
    assert text_of(error) == (
        "Error: Too many creates.\n"
        "Code: rate_limited\n"
        "Retry: yes, in 2.5 s\n"
        "Next: Wait, then call upload_file again.\n"
        "Already exists: file_id file_1\n"
        "Request id: req_9"
    )
    assert error_reports.report(error).structured_content == {
        "error": {
            "message": "Too many creates.",
            "code": "rate_limited",
            "retryable": True,
            "retry_after_s": 2.5,
            "next_step": "Wait, then call upload_file again.",
            "request_id": "req_9",
            "ids": {"file_id": "file_1"},
        }
    }


@pytest.mark.parametrize("kind", all_errors())
@pytest.mark.parametrize("retryable", [None, False, True])
def test_every_error_of_the_tree_has_a_message_a_code_a_word_on_retrying_and_a_next_step(
    kind: type[errors.CalypsoError], retryable: bool | None
):
    error = kind()
    error.retryable = error.retryable if retryable is None else retryable
    assert re.match(r"Error: \S.+\nCode: [a-z_]+\nRetry: (yes|no).*\nNext: \S.+", text_of(error))
    assert error_reports.facts(error)["next_step"]


def test_hidden_characters_in_a_foreign_message_do_not_reach_the_model():
    assert "\u202e" not in text_of(errors.ServerError("evil\u202etxt"))


class _Arguments(BaseModel):
    limit: Annotated[int, Field(ge=1, le=100)]
    items: list[dict[str, int]] = []


def test_an_argument_that_does_not_fit_gives_one_short_line_for_each_field_without_its_value():
    with pytest.raises(ValidationError) as caught:
        _Arguments.model_validate({"limit": 4242, "items": [{"a": "SECRET"}]})
    text = text_of(error_reports.invalid_arguments("list_buckets", caught.value))
    first = text.splitlines()[0]
    assert "limit: input should be less than or equal to 100" in first
    assert "items.0.a must be a whole number" in first
    assert "http" not in text
    assert "4242" not in text
    assert "SECRET" not in text


class _Everything(BaseModel):
    text: str = ""
    words: list[str] = []
    labels: dict[str, str] = {}
    inner: _Arguments | None = None
    number: int = 0
    flag: bool = False


@pytest.mark.parametrize("argument", _Everything.model_fields)
@pytest.mark.parametrize("value", [None, "x", 1.5, [], {}], ids=repr)
def test_a_value_of_the_wrong_type_is_described_in_plain_words(argument: str, value: object) -> None:
    try:
        _Everything.model_validate({argument: value})
    except ValidationError as error:
        said = error_reports.invalid_arguments("upload_batch", error).message
        shape = "one text|a list|an object|a whole number|true or false"
        assert re.match(rf"{argument}(\.\w+)? (must be ({shape})|is required)", said)


def test_no_pattern_is_shown_as_it_is_written_in_a_program():
    class Named(BaseModel):
        agent: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]

    with pytest.raises(ValidationError) as caught:
        Named.model_validate({"agent": "Shop Helper!"})
    shown = text_of(error_reports.invalid_arguments("create_agent", caught.value))
    assert "may hold a-z, 0-9 and '-'" in shown
    assert "^" not in shown


def test_a_missing_argument_is_called_required():
    with pytest.raises(ValidationError) as caught:
        _Arguments.model_validate({})
    assert text_of(error_reports.invalid_arguments("x", caught.value)).startswith("Error: limit is required.")


@pytest.mark.parametrize("argument", ["agent", "buckets", "file_id", "id"])
def test_a_missing_id_or_name_comes_with_the_tool_that_lists_it(argument: str):
    missing = InitErrorDetails(type="missing", loc=(argument,), input={})
    error = ValidationError.from_exception_data("Arguments", [missing])
    text = text_of(error_reports.invalid_arguments("x", error))
    assert re.match(rf"Error: {argument} is required \([^)]*(list_\w+|search)", text)
