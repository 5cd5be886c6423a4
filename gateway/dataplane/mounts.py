"""Data-plane paths that are no calls of a model: each is a handler named in `settings.GATEWAY_MOUNTS`.

A handler is built once a process with the `Runtime` and called like an ASGI application. A path that ends in `/` takes
everything below it.
"""

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.utils.module_loading import import_string

from gateway.dataplane.protocols import Mount

if TYPE_CHECKING:
    from gateway.dataplane.runtime import Runtime


class Mounts:
    """The handlers by path."""

    def __init__(self, runtime: "Runtime") -> None:
        found: dict[str, Mount] = {
            path: import_string(dotted)(runtime) for path, dotted in settings.GATEWAY_MOUNTS.items()
        }
        self._exact = {path: mount for path, mount in found.items() if not path.endswith("/")}
        below = {path: mount for path, mount in found.items() if path.endswith("/")}
        self._below = sorted(below.items(), key=lambda item: -len(item[0]))

    def find(self, path: str) -> Mount | None:
        """The handler of a path; the longest prefix wins."""
        mount = self._exact.get(path)
        if mount is None and self._below:
            return next((handler for prefix, handler in self._below if path.startswith(prefix)), None)
        return mount

    def metrics(self) -> list[str]:
        """Lines in Prometheus' text format."""
        handlers: list[Any] = [*self._exact.values(), *(handler for _, handler in self._below)]
        return [line for handler in dict.fromkeys(handlers) for line in handler.metrics()]
