"""Commands that change or list what buckets hold."""
