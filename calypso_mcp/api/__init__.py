"""The REST contract that the client and the embedded backend both speak."""
