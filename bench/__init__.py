"""Benchmarks: each `python -m bench.<name>` is one command that prints figures and ratios from one run.

They start everything they measure themselves, load 127.0.0.1 only, for a bounded time, and end what they started.
"""
