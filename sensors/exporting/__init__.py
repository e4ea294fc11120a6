"""Readings as files: CSV for spreadsheets, Parquet for data tools; any range, in memory that doesn't grow with it."""
