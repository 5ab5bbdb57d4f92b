"""Studies of data and models: audit, shortcuts, robustness, subgroups, error analysis and out-of-distribution data."""
