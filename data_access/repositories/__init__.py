"""SQL text to records, one file per noun."""
