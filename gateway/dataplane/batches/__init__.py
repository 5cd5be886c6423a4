"""`/v1/files` (for batches) and `/v1/batches`: kept by providers, for the project that made them, billed once."""
