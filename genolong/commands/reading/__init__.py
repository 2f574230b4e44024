"""Opens a trained model for use: which one, on which device and kernels, and whether its windows fit into memory."""
