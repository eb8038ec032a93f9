"""One tool call: the wrapper around it, its time, its progress, its inputs and what runs in parallel.

Not here: what each tool does (`tools`).
"""
