"""The demo company: a pure, seeded generator of ledger lines (`story`, `company`, `traffic`, `rows`) and its loader.

`seed.seed` is the one entry point; `docs/demo-data.md` describes what is in the data and why.
"""
