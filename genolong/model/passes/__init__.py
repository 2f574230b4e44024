"""Norms, short convolutions and rotations in one pass over memory."""
