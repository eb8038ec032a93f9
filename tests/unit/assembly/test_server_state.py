"""What the settings make of a server."""

from __future__ import annotations

from pathlib import Path

import pytest

from calypso_mcp.assembly.server import file_policy, server_state
from calypso_mcp.domain.callers.access import AccessGrant, ScopeLimit
from calypso_mcp.server.backend import Backend
from calypso_mcp.settings import settings_from

KEY = {"CALYPSO_API_KEY": "sk_canary_assembly"}


def no_backend(_grant: AccessGrant) -> Backend:
    raise AssertionError("nothing is asked of a backend here")


def test_buckets_and_an_agent_are_limits_of_their_own_so_that_each_narrows() -> None:
    settings = settings_from({"buckets": ["a", "b"], "agent": "support"}, {})

    state = server_state(settings, no_backend)

    assert state.pins == (
        ScopeLimit(buckets=frozenset({"a", "b"})),
        ScopeLimit(agents=frozenset({"support"})),
    )


def test_without_a_pin_nothing_is_limited() -> None:
    settings = settings_from({}, {})

    assert server_state(settings, no_backend).pins == ()


@pytest.mark.parametrize(("environ", "every_type"), [({}, False), (KEY, True)])
def test_the_hosted_api_is_sent_every_type_and_the_embedded_one_what_it_reads(
    environ: dict[str, str], *, every_type: bool
) -> None:
    assert (file_policy(settings_from({}, environ)).reads is None) == every_type


def test_over_http_no_folder_is_open_unless_the_operator_says_so(tmp_path: Path) -> None:
    folder = {"CALYPSO_ALLOWED_PATHS": str(tmp_path)}
    opened = {**folder, "CALYPSO_ALLOW_LOCAL_FILES_OVER_HTTP": "true"}

    assert file_policy(settings_from({}, folder)).allowed_roots == (str(tmp_path),)
    assert file_policy(settings_from({}, folder), over_http=True).allowed_roots == ()
    assert file_policy(settings_from({}, opened), over_http=True).allowed_roots == (str(tmp_path),)


def test_the_secret_scan_can_be_switched_off_without_opening_a_folder() -> None:
    assert not file_policy(settings_from({}, {"CALYPSO_SCAN_SECRETS": "false"})).scan_secrets
