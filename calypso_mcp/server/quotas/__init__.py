"""Quotas: how much a caller may store, and what counts against that.

Not here: how often a caller may call (`access`).
"""
