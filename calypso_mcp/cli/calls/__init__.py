"""Commands that do their work through the server's own tools: the MCP session, and what it is asked."""
