"""Heatmaps for people: overlays, and the oracle that released graphs are held against."""
