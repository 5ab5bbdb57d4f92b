"""Where and how files that may be about patients are written."""
