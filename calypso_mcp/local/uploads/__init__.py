"""Uploads of the embedded API: admission, byte ranges and checksums, finalizing.

Not here: the store's tables (`store`), indexing (`indexing`).
"""
