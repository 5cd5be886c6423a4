"""Commitments: what is paid whether it is used or not, booked by the day, and how well it is used.

`reading.utilisation(commitment: Commitment, start: datetime, end: datetime) -> Utilisation` is all a reader needs.
"""
