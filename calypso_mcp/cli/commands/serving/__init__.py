"""Commands that serve until they are stopped: MCP over stdio or HTTP, the REST API, the page."""
