"""Console pages of SDKs."""
