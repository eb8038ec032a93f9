"""Structured data: JSON, YAML, XML and CSV, every value with its keys or columns."""
