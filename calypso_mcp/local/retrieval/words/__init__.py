"""From text to words of the index: folding, identifiers, other scripts, stems and stop words."""
