"""The parts of dilated attention: branches, the layout of their rows, and kernels."""
