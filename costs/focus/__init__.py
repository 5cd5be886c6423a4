"""FOCUS 1.4 Cost and Usage: the export of the ledger's charges, and a validator of the specification's rules.

Source: FinOps Open Cost and Usage Specification, dataset Cost and Usage (focus.finops.org).
"""
