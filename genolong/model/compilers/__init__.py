"""What compiles kernels on the machine they run on, and whether it is there."""
