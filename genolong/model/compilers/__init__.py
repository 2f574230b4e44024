"""Compiles kernels on the machine that runs them, and finds out whether it can."""
