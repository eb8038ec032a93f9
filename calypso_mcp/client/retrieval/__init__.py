"""Asking: searches, agents and their grounded answers, whole or as a stream."""
