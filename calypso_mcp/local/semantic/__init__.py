"""Finds and orders passages by their meaning, with an embedding model, beside the full-text search.

Only passages that the search may find are compared. Their vectors are made in the background after indexing.
Nothing here is imported unless a model is set up.
"""
