"""Durable state in one SQLite file that several processes may share."""
