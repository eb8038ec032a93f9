"""What one caller may touch, store and request. `server.access` finds out who a caller is."""
