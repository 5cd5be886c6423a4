"""The data plane under load, beside two peers in the same run."""
