"""`predict`: variants of a VCF."""
