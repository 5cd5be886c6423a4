"""Forecasts of an organization's figures: history, the engine, stored runs and their later error."""
