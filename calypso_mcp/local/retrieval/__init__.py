"""Full-text search over indexed passages."""
