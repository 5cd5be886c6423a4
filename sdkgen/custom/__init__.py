"""Clients made to order: chosen operations, and what one key or organization may really do."""
