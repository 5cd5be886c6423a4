"""The console's pages of SDKs."""
