"""Paths of costs under `/api/v1/`; a slash at the end is optional."""

from django.urls import URLPattern, URLResolver
from rest_framework.routers import SimpleRouter

from costs.api.views import BudgetViewSet

router = SimpleRouter()
router.trailing_slash = "/?"  # the constructor knows only with and without
router.register("budgets", BudgetViewSet, "budget")

app_name = "costs-api"
urlpatterns: list[URLPattern | URLResolver] = [*router.urls]
