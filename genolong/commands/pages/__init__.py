"""`report`: an HTML page of what is recorded."""
