"""The command line, `python -m skinlens`."""
