"""OAuth 2.1 resource server: tokens of one issuer, its signing keys, and the metadata that names it."""
