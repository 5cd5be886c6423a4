"""Who carries what: cost centres, rules that allocate every charge once, statements that can be locked."""
