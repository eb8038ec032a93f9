"""The server's view of a backend: its client, its features, and a short cache of its buckets and agents.

Not here: what of it a request may touch (`scope`).
"""
