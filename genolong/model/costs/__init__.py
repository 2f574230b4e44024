"""Estimates the cost of a training step before it runs: operations, memory, traffic and time."""
