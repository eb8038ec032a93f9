"""The registry of all formats and their readers, in a folder for each kind of file.

Readers run in the extraction child process, but for plain text; `local.indexing` starts that process.
"""
