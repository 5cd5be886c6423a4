"""The REST API of fine-tuning."""
