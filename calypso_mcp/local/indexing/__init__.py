"""From stored bytes to searchable passages."""
