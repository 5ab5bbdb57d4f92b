"""The common ground of case store and runs: engine, transactions, column types, private folders, and tables as CSV."""
