"""The tools agents call, one module for each noun."""
