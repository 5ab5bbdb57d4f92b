"""Metrics of predictions, with intervals: discrimination, calibration, thresholds, agreement and paired tests."""
