"""Bytes to pixels: decoding, preprocessing and the drawn lesion for demonstrations and tests."""
