"""The state of a source: the API's status words, and whether they mean that it is searchable."""
