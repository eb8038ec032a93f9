"""Which faults of the system pass by themselves."""

from __future__ import annotations

import errno
import os

import pytest

from calypso_mcp.local.http.exchange import refusal_for


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.EINTR])
def test_a_fault_that_passes_is_retryable(number: int) -> None:
    refusal = refusal_for(OSError(number, os.strerror(number)))
    assert (refusal.status, refusal.problem.code, refusal.problem.retryable) == (503, "storage_busy", True)


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO, errno.EROFS])
def test_a_fault_that_stays_is_not(number: int) -> None:
    refusal = refusal_for(OSError(number, os.strerror(number)))
    assert refusal.problem.code == "storage_failed"
    assert not refusal.problem.retryable
