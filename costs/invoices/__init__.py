"""What providers say they billed, set against the ledger. `formats`, `names`, `cells`, `effects`, `causes` are pure."""
