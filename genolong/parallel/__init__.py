"""Work in several processes, with torch.distributed."""
