"""What is kept: the journal, and its projection into DuckDB."""
