"""Norms, short convolutions and rotations, each in one pass over memory."""
