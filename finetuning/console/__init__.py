"""Console pages of fine-tuning."""
