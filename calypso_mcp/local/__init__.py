"""The embedded Calypso: the REST API of `api` on one machine's disk."""
