"""The admin of all configuration. Forms and actions call services, so every change has its audit row.

Importing the package registers everything.
"""

from gateway.admin import catalog, identity, keys, limits, operations, policies, routes, trail

__all__ = ["catalog", "identity", "keys", "limits", "operations", "policies", "routes", "trail"]
