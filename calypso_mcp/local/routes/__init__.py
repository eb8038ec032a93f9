"""One module per noun of the API; each lists its routes."""
