"""Scope: which buckets, agents, files and batches a request may touch, and lookups within them.

Not here: who the caller is (`access`).
"""
