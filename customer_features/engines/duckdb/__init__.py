"""Files and dataframes of any size, in DuckDB."""
