"""The Compare page: its state, tabs and charts."""
