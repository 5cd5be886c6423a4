"""What fine-tuning brings into the data plane. No models, no ORM: SQL in threads, the rest in memory."""
