"""Dilated attention's parts: branches, their rows, and the kernels that attend."""
