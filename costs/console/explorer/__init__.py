"""The Explorer for costs: any measures by any two dimensions, as chart, table and pivot; the address is the state."""
