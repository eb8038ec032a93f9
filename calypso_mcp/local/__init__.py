"""The embedded Calypso: the REST API on local storage."""
