"""Where a source stands: the API's status words, and what they mean for being searchable."""
