"""The models: codes in, tensors out; they open no files and know no trainer."""
