"""What one vendor wants back untouched (signatures, encrypted reasoning), carried through another vendor's format.

It travels as "vendor~value" in the field that holds the format's own values; those are base64, which knows no "~".
A second "~" marks reasoning that has no text at all.
"""

from gateway.dataplane.formats.ir import Thinking

MARK = "~"


def seal(value: str, vendor: str, home: str) -> str:
    """`value` as a field of the `home` vendor's format holds it."""
    return value if not value or vendor in ("", home) else f"{vendor}{MARK}{value}"


def unseal(value: str, home: str) -> tuple[str, str]:
    """`(value, vendor)`; a value without a mark is the home vendor's own, an empty one nobody's."""
    vendor, mark, held = value.partition(MARK)
    if mark:
        return held, vendor
    return value, home if value else ""


def seal_thinking(part: Thinking, home: str) -> str:
    """One field for either a signature or reasoning without text."""
    if part.redacted:
        return f"{part.vendor}{MARK}{MARK}{part.redacted}"
    return seal(part.signature, part.vendor, home)


def unseal_thinking(part: Thinking, value: str, home: str) -> Thinking:
    """Puts back into `part` what `seal_thinking` made."""
    held, part.vendor = unseal(value, home)
    if held.startswith(MARK):
        part.redacted = held[len(MARK) :]
    else:
        part.signature = held
    return part
