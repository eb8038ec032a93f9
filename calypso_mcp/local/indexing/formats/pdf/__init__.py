"""PDF through PDFium: text, forms, notes and scanned pages. Reading pictures is up to `ocr`."""
