"""Data-plane paths of fine-tuning. No Django handler, middleware or ORM: what needs a table is asked of the console."""
