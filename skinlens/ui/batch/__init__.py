"""The Batch page: starting, following, reviewing and finishing a run."""
