"""Staff prove twice who they are: nothing opens without a second factor, and each code opens once.

allauth asks for the code at log-in. What it leaves open is closed here: a session that began before the second factor
was set up (somebody who knows the password may hold one), a code used again within its lifetime once the cache was
emptied, and account pages that staff have no use for.
"""

from collections.abc import Callable
from typing import Any

from allauth.core.internal.cryptokit import compare_user_code
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import authenticator_added, authenticator_used
from allauth.mfa.totp.internal import auth as totp
from allauth.mfa.utils import decrypt, encrypt
from django.conf import settings
from django.contrib.auth import logout
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import Resolver404, resolve, reverse
from django.utils import timezone
from django_htmx.http import HttpResponseClientRefresh

from payportal.pages import errors, outage

SESSION_KEY = "second_factor"
LAST_COUNTER = "last_counter"
ENROLMENT = "mfa_activate_totp"

# Accounts are made, and passwords given, by superusers: no sign-up, no address book, no reset by e-mail (whose link
# would be built from a Host header).
ACCOUNT_PAGES = {
    "account_login",
    "account_logout",
    "account_inactive",
    "account_reauthenticate",
    "account_change_password",
    "mfa_authenticate",
    "mfa_reauthenticate",
    "mfa_index",
    "mfa_activate_totp",
    "mfa_deactivate_totp",
    "mfa_view_recovery_codes",
    "mfa_generate_recovery_codes",
    "mfa_download_recovery_codes",
}
# What somebody without a second factor needs to set one up.
OPEN_WITHOUT = {ENROLMENT, "account_login", "account_logout", "account_reauthenticate", "account_inactive"}


class SecondFactorMiddleware:
    """Keeps staff pages shut until this very session has shown the second factor.

    It also sets the clock of staff pages to the operator's time zone.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path_info.startswith(errors.STAFF_PATHS):
            return self.get_response(request)
        operator = getattr(request, "operator", None)
        with timezone.override(operator.time_zone if operator else "UTC"):
            try:
                turned_away = self._turned_away(request)
            except outage.OUTAGES:
                # Django makes a plain 500 of what a middleware raises before the outage page's own could see it.
                return outage.answer(request)
            response = turned_away or self.get_response(request)
        if request.headers.get("HX-Request"):
            response = _as_a_whole(response)
        response.headers.setdefault("Cache-Control", "no-store, private")
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Say in staff's own words that a page is not for them."""
        if isinstance(exception, PermissionDenied) and request.path_info.startswith(errors.STAFF_PATHS):
            return render(request, "backoffice/refused.html", status=403)
        return None

    def _turned_away(self, request: HttpRequest) -> HttpResponse | None:
        name = _page_name(request)
        if request.path_info.startswith("/accounts/") and name not in ACCOUNT_PAGES:
            raise Http404
        if not settings.STAFF_SECOND_FACTOR or not request.user.is_authenticated or name in OPEN_WITHOUT:
            return None
        factor = _factor_of(request.user.pk)
        if factor is None:
            return redirect(ENROLMENT)
        if request.session.get(SESSION_KEY) != factor.pk:
            # Begun before this factor was there: only a fresh log-in, with the code, proves who this is.
            logout(request)
            return redirect(f"{reverse('account_login')}?next={reverse('admin:index')}")
        return None


def _as_a_whole(response: HttpResponse) -> HttpResponse:
    """Load the page again where a piece of it is refused: it then says so itself, or leads to the log-in."""
    if response.has_header("Location"):
        return HttpResponseClientRefresh()
    if response.status_code in (403, 404):
        response["HX-Refresh"] = "true"
    return response


def _page_name(request: HttpRequest) -> str:
    try:
        return resolve(request.path_info).view_name
    except Resolver404:
        return ""


def _factor_of(user_id: int) -> Authenticator | None:
    return Authenticator.objects.filter(user_id=user_id, type=Authenticator.Type.TOTP).only("pk").first()


def use_counter(authenticator: Authenticator, code: str) -> bool:
    """Whether this code's time step is newer than every one used before; it is used up by asking.

    Kept in the row and not only in the cache: emptying the cache gives no code a second life. The secret is encrypted
    anew on the way, so that a rotated key is left behind at the next log-in.
    """
    with transaction.atomic():
        row = Authenticator.objects.select_for_update().get(pk=authenticator.pk)
        secret = decrypt(row.data["secret"])
        counter = _counter_of(secret, code)
        if counter is None or counter <= row.data.get(LAST_COUNTER, -1):
            return False
        row.data = {**row.data, "secret": encrypt(secret), LAST_COUNTER: counter}
        row.save(update_fields=["data"])
    return True


def _counter_of(secret: str, code: str) -> int | None:
    steps = totp.yield_hotp_counters_from_time()
    for step in steps:
        if compare_user_code(actual=code, expected=totp.format_hotp_value(totp.hotp_value(secret, step))):
            return int(step)
    return None


def _remember(sender: Any, request: HttpRequest, user: Any, authenticator: Authenticator, **kwargs: Any) -> None:
    """Note in the session which second factor it has shown: by a code, or by having just set it up."""
    factor = _factor_of(user.pk)
    if factor is not None:
        request.session[SESSION_KEY] = factor.pk


def _use_up_first_code(
    sender: Any, request: HttpRequest, user: Any, authenticator: Authenticator, **kwargs: Any
) -> None:
    """The code that set a factor up opens nothing afterwards."""
    if authenticator.type == Authenticator.Type.TOTP:
        used = _counter_of(decrypt(authenticator.data["secret"]), request.POST.get("code", "").strip())
        if used is None:
            used = max(totp.yield_hotp_counters_from_time())
        authenticator.data = {**authenticator.data, LAST_COUNTER: used}
        authenticator.save(update_fields=["data"])
    _remember(sender, request, user, authenticator)


def connect() -> None:
    """Listen to allauth."""
    authenticator_used.connect(_remember, dispatch_uid="backoffice.second_factor_used")
    authenticator_added.connect(_use_up_first_code, dispatch_uid="backoffice.second_factor_added")
