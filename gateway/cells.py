"""Cells that a spreadsheet would take for formulas. Pure."""

# OWASP, "CSV Injection": cells that begin with these characters, full-width forms included, may be run as formulas.
# A bar begins the arguments of a call by DDE.
DANGEROUS = frozenset("=+-@|\t\r\n＝＋－＠｜")


def safe_text(text: str) -> str:
    """The text with an apostrophe in front when a spreadsheet would run it, spaces before the sign included."""
    first = text.lstrip(" \u00a0")[:1]
    return f"'{text}" if first in DANGEROUS and first else text
