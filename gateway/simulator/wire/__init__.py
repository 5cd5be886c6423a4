"""Wire formats: each module pair reads one vendor's requests into `calls` and writes `calls` as its answers."""
