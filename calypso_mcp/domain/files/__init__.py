"""Rules about files on a disk: formats by their first bytes, paths, ignore patterns, names of secrets."""
