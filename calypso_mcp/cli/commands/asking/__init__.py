"""Commands that find something in buckets: passages, or an agent's answer."""
