"""`reproduce`: repeats a result from its record."""
