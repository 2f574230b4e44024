"""`map`: every substitution of a region."""
