"""The discipline of every SQLite file: private, shared by processes, versioned, its faults told apart.

The embedded backend's store, the record of sent files and the record of one-time uploads keep it.
Not here: what is in their tables, which belongs to each of them.
"""
