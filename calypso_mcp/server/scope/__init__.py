"""Which buckets, agents, files and batches a request may touch, and everything that is looked up within that.

Not here: who the caller is (`access`).
"""
