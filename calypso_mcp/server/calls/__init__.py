"""One tool call: its wrapper, its deadline, its progress and its questions to the user.

Not here: what each tool does (`tools`).
"""
