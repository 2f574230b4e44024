"""One file a command: settings in, the run and its objects out."""
