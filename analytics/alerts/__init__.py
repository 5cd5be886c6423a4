"""Alerts: rules over figures, what they found, who was told. Evaluated each minute from rollups alone."""
