"""Typed inputs and outputs of the management API. What a caller may set is listed; everything else is read-only."""
