"""Logging of requests and answers: redacted, encrypted and stored by a thread, never in the way of a call."""
