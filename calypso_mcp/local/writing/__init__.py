"""Answers that a language model writes from the passages found, each statement checked against its source."""
