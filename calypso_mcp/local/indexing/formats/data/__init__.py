"""Structured data: JSON, YAML, TOML, XML and CSV, every value with its keys or columns."""
