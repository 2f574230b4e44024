"""Turns files into batches for training and validation."""
