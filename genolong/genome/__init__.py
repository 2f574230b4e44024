"""Files and coordinates; numpy, no torch."""
