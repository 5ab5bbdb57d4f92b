"""How good predictions are: metrics, their intervals, test views and thresholds."""
