"""What is kept on disk: private folders, tables as CSV, and the guard against spreadsheet formulas."""
