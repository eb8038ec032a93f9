"""MCP server, REST client and embedded backend for Calypso Buckets."""
