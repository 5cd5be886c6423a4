"""What every generated client runs on. Standard library only; http, ssl and the like are imported when first needed."""
