"""`report`: what is recorded, as a page."""
