from __future__ import annotations

import pytest

from calypso_mcp import errors
from calypso_mcp.api import problem


@pytest.mark.parametrize("kind", [errors.ServerError, errors.UploadError, errors.AnswerFailed, errors.Busy])
def test_what_fails_again_is_not_advised_to_be_repeated(kind: type[errors.CalypsoError]) -> None:
    assert "again" in kind().hint or "same call" in kind().hint
    assert kind(retryable=False).hint == ""
    assert kind(retryable=False, hint="Look here.").hint == "Look here."


def test_an_error_that_turns_out_to_be_final_loses_its_advice() -> None:
    error = errors.ServerError()
    error.retryable = False
    assert error.hint == ""


def test_advice_that_is_not_to_repeat_stays() -> None:
    assert errors.PermissionDenied().hint


def test_an_unusual_refusal_without_a_text_is_told_by_its_status() -> None:
    assert "402" in problem.to_error(402, b"").message
    assert problem.to_error(402, b'{"detail": "The plan has ended."}').message == "The plan has ended."
    assert problem.to_error(402, rb'{"detail": "Cut: \ud83d"}').message == "Cut: \ufffd"
    assert problem.to_error(409, b"").message == errors.Conflict().message


def test_an_unknown_agent_is_looked_up_rather_than_asked_again() -> None:
    error = problem.to_error(500, b"Unknown RAG profile")
    assert not error.retryable
    assert "list_agents" in error.hint
