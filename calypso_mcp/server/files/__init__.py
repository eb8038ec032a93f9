"""Files on this machine that an agent may upload: walking folders, ignore files, path policy, secret scan.

A leaf: nothing here imports anything else of the server.
Not here: where an upload goes (`scope`), what came of it (`results`).
"""
