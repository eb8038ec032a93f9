"""Common rules for every SQLite file: private, shared by processes, versioned, with classified faults.

The embedded backend's store, the record of sent files and the record of one-time uploads keep it.
Not here: what is in their tables, which belongs to each of them.
"""
