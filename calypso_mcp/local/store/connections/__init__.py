"""The store's file: its schema, one connection that writes, several that read. Tables live beside it."""
