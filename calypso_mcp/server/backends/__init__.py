"""What is known of a backend: its client, its buckets and agents for a few seconds, and what it can do.

Not here: what of it a request may touch (`scope`).
"""
