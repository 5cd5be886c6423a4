"""Model pages that other apps bring and nobody needs."""

from django.contrib import admin
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken


def hide(site: admin.AdminSite = admin.site) -> None:
    """Takes them off; call when every app's admin module was found. Refresh tokens are credentials: what there is to
    do with them is on *Your account* and in the API."""
    site.unregister([BlacklistedToken, OutstandingToken])
