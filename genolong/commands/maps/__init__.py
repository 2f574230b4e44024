"""`map`: scores for every substitution in a region."""
