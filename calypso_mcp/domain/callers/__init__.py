"""What one caller may touch, store and request. Who a caller is, `server.access` finds out."""
