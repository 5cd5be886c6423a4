"""What this process remembers of rows by their ids, which are the same in many tests."""

from django.core.cache import cache

from analytics import cache as analytics_cache


def clear() -> None:
    cache.clear()
    analytics_cache.clear()
