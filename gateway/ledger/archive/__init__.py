"""Months that left the ledger, as Parquet files with a manifest in an object store. Imports no Django."""
