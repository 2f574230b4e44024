"""A folder a command: settings in, the run and its objects out; what several of them share lies beside."""
