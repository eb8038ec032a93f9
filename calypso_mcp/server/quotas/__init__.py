"""How much a caller may store, and what is counted against it.

Not here: how often a caller may call (`access`).
"""
