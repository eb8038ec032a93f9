"""The checks of `calypso-mcp doctor`, one module for each part of an installation.

Every check returns findings and raises nothing that it can put into words. None of them changes anything:
no folder is made, no file is written, no bucket is touched.
"""
