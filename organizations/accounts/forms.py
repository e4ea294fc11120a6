"""What somebody who signs up tells beside address and password."""

from __future__ import annotations

from django import forms
from django.http import HttpRequest

from organizations.models import User


class NameForm(forms.Form):
    """ACCOUNT_SIGNUP_FORM_CLASS: fields that allauth's forms for signing up have in addition."""

    name = forms.CharField(required=False, max_length=150)

    def signup(self, request: HttpRequest, user: User) -> None:
        """Called by allauth once the person is stored."""
        name = self.cleaned_data.get("name", "")
        if name:
            user.name = name
            user.save(update_fields=["name"])
