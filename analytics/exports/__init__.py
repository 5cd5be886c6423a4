"""Files of figures and ledger lines: what is asked for is a job, what it leaves is kept encrypted until it expires."""
