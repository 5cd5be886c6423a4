"""Libraries that only some kinds of provider need, imported by the keeper's thread and not by the first call."""

from importlib import import_module

BY_KIND = {"bedrock": ("gateway.dataplane.adapters.sigv4", "botocore.eventstream")}
_done: set[str] = set()


def preload(kind: str) -> None:
    """Import what providers of `kind` need, once per process; a process without such a provider never does."""
    if kind not in _done:
        _done.add(kind)
        for name in BY_KIND.get(kind, ()):
            import_module(name)
