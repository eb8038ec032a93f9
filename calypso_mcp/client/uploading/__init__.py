"""From declared files to accepted knowledge files: preparation, batches, bytes, record of sent files.

Not here: single REST requests (`files`), waiting until searchable (`readiness`).
"""
