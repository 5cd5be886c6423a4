"""What could be saved: detectors over the organization's own ledger, each proved by a counterfactual replay."""
