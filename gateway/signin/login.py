"""The first step of signing in with a password."""

from typing import Any

from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView
from django.http import HttpResponse

from gateway.signin.confirmation import HOME
from gateway.signin.views import second_step


class SignInView(LoginView):
    """Django's, but who has or needs a second factor is not in yet."""

    template_name = "admin/login.html"
    next_page = HOME

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        user: Any = form.get_user()
        onward = second_step(
            self.request, user, backend=user.backend, next_path=self.get_success_url(), method="password"
        )
        return onward or super().form_valid(form)
