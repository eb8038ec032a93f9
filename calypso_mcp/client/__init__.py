"""Typed async client of the Calypso REST API."""

from calypso_mcp.client.calypso_client import CalypsoClient
from calypso_mcp.client.pacing import CreatePacer
from calypso_mcp.client.policies import ClientPolicies, Timeouts

__all__ = ["CalypsoClient", "ClientPolicies", "CreatePacer", "Timeouts"]
