"""What tools return: typed models, passages, reports and errors, cleaned and cut for a model to read.

Not here: how the facts are obtained (`scope`, `calls`).
"""
