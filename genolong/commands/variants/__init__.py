"""`predict`: scores for the variants of a VCF."""
