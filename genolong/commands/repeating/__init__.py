"""`reproduce`: a result made again from its record."""
