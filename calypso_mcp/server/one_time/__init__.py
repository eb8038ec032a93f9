"""One-time upload addresses: tickets, the PUT route and what became of each upload.

Not here: uploads of local files (`files`, `tools.uploads`).
"""
