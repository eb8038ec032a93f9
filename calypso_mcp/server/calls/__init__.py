"""One tool call: the wrapper around it, its time, its progress and what it asks of the user.

Not here: what each tool does (`tools`).
"""
