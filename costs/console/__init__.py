"""Pages of costs in the console."""
