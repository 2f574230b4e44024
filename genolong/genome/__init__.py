"""Genome files and coordinates; uses numpy, not torch."""
