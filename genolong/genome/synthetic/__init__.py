"""Genomes drawn from rules, of which everything is known."""
