"""What providers say they billed, set against the ledger. Its algorithms are pure; see ARCHITECTURE.md."""
