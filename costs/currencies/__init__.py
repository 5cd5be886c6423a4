"""Exchange rates that somebody stated, each for a day on, and conversion by them. Nothing is ever converted at 1.

`convert.table_of(organization, base, quote)` reads them; `convert.RateTable` is pure.
"""
