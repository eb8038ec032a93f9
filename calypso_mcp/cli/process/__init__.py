"""The process of a command: how it starts, logs, listens on a port and ends."""
