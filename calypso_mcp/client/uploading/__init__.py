"""From declared files to accepted knowledge files: preparation, batches, bytes, memory of what was sent.

Not here: single REST requests (`files`, `batches`), waiting until searchable (`readiness`).
"""
