"""Many images at once: runs that can be interrupted, their results, and people's verdicts on them."""
