"""`Idempotency-Key`: a call that is sent again gets the answer of the first time, and is made and billed once.

Who makes the call is decided by a row in PostgreSQL, so that any number of data planes agree; calls without the header
never come here.
"""
