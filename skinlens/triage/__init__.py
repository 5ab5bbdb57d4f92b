"""From an image to a decision: admission, pipeline, decision and risk."""
