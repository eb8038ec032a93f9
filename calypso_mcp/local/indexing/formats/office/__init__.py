"""Office documents and books: what anydoc makes of them, and what it leaves out."""
