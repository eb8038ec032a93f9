"""Long calls as tasks, for clients that declare the extension `io.modelcontextprotocol/tasks` (2026-07-28).

`task_records` keeps what clients may ask about a task, `task_runs` runs tasks, and `extension` speaks
the protocol.
"""
