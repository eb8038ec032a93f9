"""Orders the hits of the full-text search by meaning, with an embedding model.

Vectors only re-order passages that the words of a query found within the caller's buckets. They are made in
the background after indexing. Nothing here is imported unless a model is set up.
"""
