"""One-time upload addresses: tickets and the outcome of each upload.

Not here: the PUT route (`transport`), uploads of local files (`files`, `tools.uploads`).
"""
