"""How MCP messages reach the server: stdio, streamable HTTP, and the operator's status routes.

Not here: who may call (`access`).
"""
