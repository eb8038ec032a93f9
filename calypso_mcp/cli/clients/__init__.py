"""MCP clients on this machine: where each keeps its configuration, in which shape, and how to read it.

`facts` knows the clients, `places` finds and reads their configurations, `entries` understands one server in
them, `command` is what a client should start. Only `install` writes these files.
"""
