"""Typed async client of the Calypso REST API."""
