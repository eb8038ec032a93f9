"""Long calls as tasks that every process on one data folder can tell about, also after a restart."""

from __future__ import annotations

from calypso_mcp.domain.uploads.declaration import content_digest
from calypso_mcp.server.tasks.task_records import TASKS_FILE, TaskRecords
from calypso_mcp.server.tasks.task_runs import TaskRuns
from calypso_mcp.settings import Settings


def task_runs(settings: Settings) -> TaskRuns | None:
    """Return what runs tasks; the data folder is not touched before the first of them.

    None where machines without a folder in common share a sealing secret: a balancer would send the client of
    a task to machines that do not know it.
    """
    if settings.sealing_secret is not None:
        return None
    return TaskRuns(TaskRecords(settings.data_dir / TASKS_FILE))


def task_account(settings: Settings) -> str:
    """Return a digest of the API and the key that the process uses, which does not give the key away."""
    if not settings.uses_hosted_api:
        return ""
    key = settings.api_key.get_secret_value() if settings.api_key else ""
    return content_digest("account", settings.api_base_url, key)
