"""What a training step costs: operations, memory, traffic, time; counted before anything runs."""
