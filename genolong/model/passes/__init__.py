"""Norms, short convolutions, GELU and rotations, each in one pass over memory."""
