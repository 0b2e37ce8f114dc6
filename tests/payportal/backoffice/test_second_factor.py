"""Attack 14: staff without a second factor reach nothing; a code works once; sessions rotate at log-in."""

import json
import re
import time

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal import auth as totp
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from payportal.backoffice import second_factor
from tests.payportal.backoffice import world

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("brisvik", "_quiet")]
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


@pytest.fixture
def _quiet() -> None:
    """Rate limits of the test before are forgotten."""
    cache.clear()


def _code(step: int = 0) -> str:
    return totp.format_hotp_value(totp.hotp_value(SECRET, int(time.time()) // 30 + step))


def _with_factor(name: str = "noor") -> User:
    user = world.person(name, is_superuser=True)
    totp.TOTP.activate(user, SECRET)
    return user


def _password(client: Client, name: str = "noor", password: str = world.PASSWORD) -> str:
    """Log in with a password; where that leads."""
    response = client.post("/accounts/login/", {"login": name, "password": password, "next": "/admin/"})
    return str(response.headers.get("Location", response.status_code))


def _second(client: Client, code: str) -> int:
    return client.post("/accounts/2fa/authenticate/", {"code": code}).status_code


def _is_in(client: Client) -> bool:
    return client.get("/admin/").status_code == 200


def test_it_works() -> None:
    _with_factor()
    client = Client()
    assert client.get("/admin/").headers["Location"].startswith("/admin/login/")
    assert client.get("/admin/login/").headers["Location"].startswith("/accounts/login/")
    assert _password(client) == "/accounts/2fa/authenticate/"
    assert not _is_in(client), "a password alone opens nothing"
    assert _second(client, _code()) == 302
    assert _is_in(client)


def test_without_a_second_factor_only_its_set_up_opens(brisvik: world.House) -> None:
    world.person("noor", is_superuser=True)
    client = Client()
    assert _password(client) == "/admin/"
    paths = ["/admin/", "/admin/reports/payments/", "/admin/nowhere/", "/accounts/2fa/recovery-codes/"]
    paths += [reverse("admin:billing_customer_change", args=[brisvik.customer.pk]), "/admin/password_change/"]
    for path in paths:
        for response in (client.get(path), client.post(path)):
            assert (response.status_code, response["Location"]) == (302, "/accounts/2fa/totp/activate/"), path


@pytest.mark.django_db(transaction=True)
def test_setting_it_up_opens_the_admin_and_shows_recovery_codes() -> None:
    world.person("noor", is_superuser=True)
    client = Client()
    _password(client)
    page = client.get("/accounts/2fa/totp/activate/").content.decode()
    secret = re.search(r'class="code">([A-Z2-7]{32})<', page)
    assert secret, "the secret is there to be typed"
    assert "<svg" in page
    code = totp.format_hotp_value(totp.hotp_value(secret[1], int(time.time()) // 30))
    response = client.post("/accounts/2fa/totp/activate/", {"code": code}, follow=True)
    assert len(re.findall(r"<li>\d{8}</li>", response.content.decode())) == 10
    assert _is_in(client)
    client.post("/accounts/logout/")
    _password(client)
    assert _second(client, code) == 200, "that code is used up"
    following = totp.format_hotp_value(totp.hotp_value(secret[1], int(time.time()) // 30 + 1))
    assert _second(client, following) == 302, "the next one opens"
    # The code that set it up opens nothing afterwards.
    other = Client()
    _password(other)
    assert _second(other, code) == 200
    assert not _is_in(other)


def test_a_code_works_once_even_when_the_cache_was_emptied() -> None:
    _with_factor()
    code = _code()
    first, second = Client(), Client()
    _password(first)
    assert _second(first, code) == 302
    _password(second)
    assert _second(second, code) == 200
    cache.clear()
    assert _second(second, code) == 200
    assert not _is_in(second)
    # The next one is good, an older one than the last used is not.
    assert _second(second, _code(-1)) == 200
    assert _second(second, _code(+1)) == 302
    assert _is_in(second)


def test_a_recovery_code_works_once() -> None:
    user = _with_factor()
    code = RecoveryCodes.activate(user).generate_codes()[0]
    first, second = Client(), Client()
    _password(first)
    assert _second(first, code) == 302
    assert _is_in(first)
    _password(second)
    assert _second(second, code) == 200
    assert not _is_in(second)


def test_the_session_rotates_at_log_in() -> None:
    _with_factor()
    client = Client()
    client.get("/accounts/login/")
    session = client.session
    session["kept"] = "by an attacker"
    session.save()
    client.cookies["sessionid"] = session.session_key
    _password(client)
    _second(client, _code())
    assert _is_in(client)
    assert client.cookies["sessionid"].value != session.session_key
    thief = Client()
    thief.cookies["sessionid"] = session.session_key
    assert not _is_in(thief)


def test_a_session_from_before_the_second_factor_is_ended() -> None:
    user = world.person("noor", is_superuser=True)
    early = Client()
    _password(early)
    totp.TOTP.activate(user, SECRET)
    assert early.get("/admin/")["Location"].startswith("/accounts/login/")
    assert not early.session.get("_auth_user_id")


def test_a_factor_that_was_taken_away_closes_every_session() -> None:
    user = _with_factor()
    client = Client()
    _password(client)
    _second(client, _code())
    Authenticator.objects.filter(user=user).delete()
    assert client.get("/admin/")["Location"] == "/accounts/2fa/totp/activate/"


def test_no_sign_up_no_reset_no_other_account_pages() -> None:
    client = Client()
    for path in ("signup/", "password/reset/", "email/", "confirm-email/", "password/set/", "login/code/confirm/"):
        assert client.get(f"/accounts/{path}").status_code == 404, path
        assert client.post(f"/accounts/{path}", {"email": "a@b.example"}).status_code == 404, path


def test_guessing_is_slowed_down() -> None:
    _with_factor()
    for _ in range(6):
        _password(Client(), password="wrong")
    assert _password(Client()) == "200", "the right password too waits"


def test_guessing_codes_is_slowed_down() -> None:
    _with_factor()
    client = Client()
    _password(client)
    for _ in range(6):
        _second(client, "000000")
    assert _second(client, _code()) == 200
    assert not _is_in(client)


def test_a_dump_of_the_database_makes_no_codes() -> None:
    user = _with_factor()
    RecoveryCodes.activate(user)
    dump = json.dumps(list(Authenticator.objects.values_list("data", flat=True)))
    assert SECRET not in dump
    assert "seed" in dump


def test_a_rotated_key_still_opens_and_is_left_behind(settings: Settings) -> None:
    user = _with_factor()
    old = django_settings.SECRET_KEY
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "n" * 60, [old]
    client = Client()
    _password(client)
    assert _second(client, _code()) == 302
    settings.SECRET_KEY_FALLBACKS = []
    factor = Authenticator.objects.get(user=user)
    assert second_factor.use_counter(factor, _code(+1))


def test_a_key_that_was_taken_away_opens_nothing(settings: Settings) -> None:
    _with_factor()
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "n" * 60, []
    client = Client()
    _password(client)
    assert _second(client, _code()) == 200
    assert not _is_in(client)


def test_who_is_no_staff_is_told_so_and_not_sent_in_a_circle() -> None:
    user = world.person("guest", is_staff=False)
    totp.TOTP.activate(user, SECRET)
    client = Client()
    _password(client, "guest")
    _second(client, _code())
    assert client.get("/admin/", follow=True).status_code == 403


@pytest.mark.parametrize("wanted", ["https://elsewhere.example/", "//elsewhere.example/", "javascript:alert(1)"])
def test_log_in_leads_to_no_other_site(wanted: str) -> None:
    _with_factor()
    client = Client()
    response = client.get("/admin/login/", {"next": wanted})
    assert "elsewhere" not in response["Location"]
    client.post("/accounts/login/", {"login": "noor", "password": world.PASSWORD, "next": wanted})
    response = client.post("/accounts/2fa/authenticate/", {"code": _code()})
    assert response["Location"] == "/admin/"


def test_staff_pages_are_not_kept_by_browsers() -> None:
    _with_factor()
    client = Client()
    assert "no-store" in client.get("/accounts/login/")["Cache-Control"]
    _password(client)
    _second(client, _code())
    assert "no-store" in client.get("/admin/")["Cache-Control"]


def test_logging_out_leads_back_to_the_door() -> None:
    _with_factor()
    client = Client()
    _password(client)
    _second(client, _code())
    response = client.post("/accounts/logout/", follow=True)
    assert response.redirect_chain[-1][0] == "/accounts/login/"
    assert response.status_code == 200


@pytest.mark.parametrize("path", ["/accounts/login/", "/accounts/2fa/authenticate/"])
def test_with_valkey_down_who_logs_in_is_told_so(settings: Settings, path: str) -> None:
    """Attempts are counted in Valkey: without it nobody comes in, and nobody is told of a mistake of ours."""
    _with_factor()
    client = Client()
    if "2fa" in path:
        _password(client)
    down = {**settings.CACHES["default"], "LOCATION": "redis://127.0.0.1:9/0"}
    settings.CACHES = {"default": down}
    assert client.get(path).status_code == 200, "the page itself opens"
    response = client.post(path, {"login": "noor", "password": world.PASSWORD, "code": _code()})
    assert response.status_code == 503
    assert "We’ll be right back" in response.content.decode()
    assert "no-store" in response["Cache-Control"]
    assert not _is_in(client)
    settings.CACHES = {"default": {**down, "LOCATION": django_settings.REDIS_URL}}
    if "2fa" not in path:
        assert _password(client) == "/accounts/2fa/authenticate/"
    assert _second(client, _code()) == 302
    assert _is_in(client), "and then it works as before"


@pytest.mark.django_db(transaction=True)
def test_with_the_database_down_staff_are_told_so() -> None:
    _with_factor()
    client = Client()
    _password(client)
    _second(client, _code())
    assert _is_in(client)
    host = connection.settings_dict["HOST"]
    connection.close()
    connection.settings_dict["HOST"] = "/nowhere"
    try:
        response = client.get("/admin/")
    finally:
        connection.settings_dict["HOST"] = host
        connection.close()
    assert response.status_code == 503
    assert _is_in(client), "and the session is still there"


@pytest.mark.django_db(transaction=True)
def test_every_account_page_opens_after_the_password_or_the_code_was_asked_again() -> None:
    user = _with_factor()
    RecoveryCodes.activate(user)
    # An older factor: whoever sits down at an open screen is asked again before anything delicate.
    Authenticator.objects.filter(user=user).update(created_at="2020-01-01T00:00:00Z")
    client = Client()
    _password(client)
    _second(client, _code())
    for name in ("mfa_deactivate_totp", "mfa_generate_recovery_codes", "mfa_view_recovery_codes"):
        assert "reauthenticate" in client.get(reverse(name)).headers.get("Location", ""), name
    assert client.get(reverse("mfa_reauthenticate")).status_code == 200
    assert client.post(reverse("mfa_reauthenticate"), {"code": _code(+1)}).status_code == 302
    for name in sorted(second_factor.ACCOUNT_PAGES - {"account_login", "mfa_authenticate", "mfa_activate_totp"}):
        response = client.get(reverse(name))
        assert response.status_code == 200, name
        assert b"<form" in response.content or b"href" in response.content or name == "mfa_download_recovery_codes"
    assert client.post(reverse("mfa_deactivate_totp")).status_code == 302
    assert client.get("/admin/")["Location"] == "/accounts/2fa/totp/activate/"
    assert client.post(reverse("account_logout")).status_code == 302
    assert client.get("/admin/")["Location"].startswith("/admin/login/")


def test_a_password_is_changed_with_the_old_one_only() -> None:
    user = _with_factor()
    client = Client()
    _password(client)
    _second(client, _code())
    fresh = "another-made-up-one-5678"
    data = {"oldpassword": "wrong", "password1": fresh, "password2": fresh}
    client.post(reverse("account_change_password"), data)
    assert not User.objects.get(pk=user.pk).check_password(fresh)
    client.post(reverse("account_change_password"), {**data, "oldpassword": world.PASSWORD})
    assert User.objects.get(pk=user.pk).check_password(fresh)
