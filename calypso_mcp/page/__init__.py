"""The page of the buckets: its files under `static`, and the sessions that stand in for a key or a token.

`static/shared` holds the look and the pure drawing modules that the view in a chat uses, too.
"""
