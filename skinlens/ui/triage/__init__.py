"""The Triage page: the result of one image, its case facts and its details."""
