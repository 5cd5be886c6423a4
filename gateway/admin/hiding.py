"""Model pages that other apps bring and nobody needs."""

from axes.models import AccessAttempt
from django.contrib import admin
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken


def hide(site: admin.AdminSite = admin.site) -> None:
    """Takes them off; call when every app's admin module was found. Refresh tokens are credentials: what there is to
    do with them is on *Your account* and in the API. Locked sign-ins keep their page; its one action of its own fails
    here, and expired ones go with the next failure anyway."""
    site.unregister([one for one in (BlacklistedToken, OutstandingToken) if site.is_registered(one)])
    site.get_model_admin(AccessAttempt).actions = ()
