"""Many files in one call: from the arguments to the inputs, the wait and the report.

Not here: how the bytes travel (`client.uploading`), and the tool itself (`tools.batches`).
"""
