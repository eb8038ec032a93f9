"""Office documents and books: anydoc reads them; the modules here add the text that it leaves out."""
