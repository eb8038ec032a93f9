"""How MCP messages reach the server: stdio, streamable HTTP, and the routes beside them.

Not here: who may call (`access`).
"""
