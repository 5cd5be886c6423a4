"""Writes of fine-tuning: verbs, atomic, with an audit row."""
