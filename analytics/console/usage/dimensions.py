"""Names of dimensions in a page's address: the declared ones and `tag.<key>`. Pure."""

from analytics.metrics import DIMENSIONS

TAG = "tag."
LONGEST = 130


def is_known(name: str) -> bool:
    """Whether a page may group and filter by it; `organization` is the frame's choice."""
    is_tag = name.startswith(TAG) and len(TAG) < len(name) <= LONGEST
    return is_tag or (name in DIMENSIONS and name != "organization")


def label(name: str) -> str:
    """What people call it: `Model`; a tag by its key: `Tag feature`."""
    return DIMENSIONS[name].label if name in DIMENSIONS else f"Tag {name.removeprefix(TAG)}"
