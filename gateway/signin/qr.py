"""An address as a QR code, drawn into the page: nothing is fetched for it, and no address leaves it."""

import segno
from django.utils.safestring import SafeString, mark_safe

SCALE = 4


def svg(text: str) -> SafeString:
    """Dark on white whatever the theme is: readers want it so. The markup has no text of the caller's in it."""
    drawn = segno.make(text, error="m", micro=False).svg_inline(scale=SCALE, border=4, dark="#000", light="#fff")
    return mark_safe(drawn)  # noqa: S308
