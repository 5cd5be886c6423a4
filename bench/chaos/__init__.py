"""Faults under load, and an oracle that says whether anything was lost, doubled or overspent."""
