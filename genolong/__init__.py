"""Sequence models over single nucleotides, at chromosome length."""
