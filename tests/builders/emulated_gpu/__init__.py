"""GPUs emulated on a CPU, for what otherwise only runs where there are some: slow, and exact to rounding."""
