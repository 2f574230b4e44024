"""Slow, plain truth for every fast path."""
