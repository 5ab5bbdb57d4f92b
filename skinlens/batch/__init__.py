"""Many images at once: runs that can be interrupted, what came of them, and what people said of it."""
