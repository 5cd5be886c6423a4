"""Management API of costs."""
