"""Commands that work through the server's own tools: the MCP session and its calls."""
