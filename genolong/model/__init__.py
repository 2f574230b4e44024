"""Codes in, tensors out; opens no file, knows no trainer."""
