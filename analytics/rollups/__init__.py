"""From ledger to rollups: declared cubes, generated SQL, refresh by dirty marks."""
