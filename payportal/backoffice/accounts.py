"""How allauth treats staff: accounts are made by administrators, nobody signs up."""

import time
from typing import Any

from allauth.account import app_settings
from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.login import get_authentication_records
from allauth.core import context
from allauth.mfa.models import Authenticator
from django.http import HttpRequest
from django.urls import reverse


class StaffAccountAdapter(DefaultAccountAdapter):
    """allauth's rules for staff accounts."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_logout_redirect_url(self, request: HttpRequest) -> str:
        """Back to the door: what lies at the root is for nobody."""
        return reverse("account_login")

    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        """Ask for the password again before anything delicate, but not of somebody who typed it just now.

        That spares only the first set-up of a second factor and the look at its recovery codes: who has had one for
        longer is always asked.
        """
        request = context.request
        typed = [each["at"] for each in get_authentication_records(request, request.user)]
        since = time.time() - app_settings.REAUTHENTICATION_TIMEOUT
        if typed and max(typed) > since:
            older = Authenticator.objects.filter(user_id=request.user.pk).order_by("created_at").first()
            if older is None or older.created_at.timestamp() > since:
                return False
        return bool(super().is_reauthentication_required(app=app, **kwargs))
