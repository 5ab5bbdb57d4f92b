"""Evaluation records, the table of all models, chart data, and predictions that a person submits."""
