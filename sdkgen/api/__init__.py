"""The management API of SDKs."""
