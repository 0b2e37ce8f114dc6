"""Settings fail closed: a production that lacks or mistakes something does not start, and says what in plain words."""

import subprocess
import sys

import pytest

from tests import environment


def started(**changes: str | None) -> subprocess.CompletedProcess[str]:
    """What `manage.py check` says in a production environment with these changes."""
    wanted = {**environment.PRODUCTION, "PATH": "/usr/bin:/bin", **changes}
    return subprocess.run(
        [sys.executable, "manage.py", "check"],
        env={name: value for name, value in wanted.items() if value is not None},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_a_complete_production_starts() -> None:
    done = started()
    assert done.returncode == 0, done.stderr[-500:]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"STRIPE_API_BASE": "http://127.0.0.1:8001"}, "STRIPE_API_BASE must be https://api.stripe.com"),
        ({"STRIPE_JS_URL": "https://js.stripe.com.evil.example/x.js"}, "STRIPE_JS_URL must be on"),
        ({"STRIPE_WEBHOOK_SECRETS": ""}, "has no webhook secret"),
        ({"STRIPE_PUBLISHABLE_KEY": "pk_test_xxxxxxxx"}, "mixes keys"),
        ({"SECRET_KEY": "short"}, "SECRET_KEY is shorter"),
        ({"SECRET_KEY_FALLBACKS": "short"}, "SECRET_KEY_FALLBACKS[0] is shorter"),
        ({"PUBLIC_SCHEME": "http"}, "PUBLIC_SCHEME must be https"),
        ({"PROVISIONER": "simulator"}, "PROVISIONER is the simulator"),
        ({"SECRET_KEY": None}, "SECRET_KEY"),
        ({"RECEIPT_KEYS": "1:zz"}, "RECEIPT_KEYS must read"),
        ({"RECEIPT_KEYS": ""}, "RECEIPT_KEYS is empty"),
        ({"RECEIPT_KEYS": f"1:{'5a' * 32},1:{'5b' * 32}"}, "RECEIPT_KEYS has two keys of number 1"),
        (
            {"STRIPE_PUBLISHABLE_KEY": "sk_live_" + "x" * 24, "STRIPE_SECRET_KEY": "pk_live_" + "x" * 24},
            "a publishable or a secret key that is none",
        ),
        ({"DATABASE_URL": "sqlite:///db.sqlite3"}, "DATABASE_URL must be a postgres:// address"),
        ({"PAYPORTAL_MODE": "staging"}, "staging"),
        ({"REDIS_URL": "nonsense"}, "REDIS_URL must be a redis://, rediss:// or unix:// address"),
        ({"LOG_LEVEL": "LOUD"}, "'LOUD' is none of DEBUG, INFO"),
    ],
)
def test_a_mistaken_production_does_not_start_and_says_why(changes: dict[str, str | None], words: str) -> None:
    done = started(**changes)
    assert done.returncode != 0
    assert words in done.stderr


def test_carriers_are_the_vendors_own_and_can_be_believed() -> None:
    done = started(
        TWILIO_API_BASE="https://api.twilio.com.evil.example",
        EXOTEL_API_BASE="http://api.exotel.com",
        WHATSAPP_API_BASE="https://user@graph.facebook.com",
        TWILIO_ACCOUNT_SID="AC1",
        TWILIO_AUTH_TOKEN="",
        EXOTEL_ACCOUNT_SID="e",
        EXOTEL_API_KEY="k",
        EXOTEL_API_TOKEN="t",
        EXOTEL_WEBHOOK_TOKEN="short",
        MESSAGE_ACCOUNT_CODES="second",
        WHATSAPP_SECOND_PHONE_NUMBER_ID="1",
        WHATSAPP_SECOND_ACCESS_TOKEN="a",
        WHATSAPP_SECOND_APP_SECRET="",
        WHATSAPP_SECOND_VERIFY_TOKEN="v",
        EMAIL_BACKEND="django.core.mail.backends.console.EmailBackend",
        ANYMAIL='{"DEBUG_API_REQUESTS": true, "POSTMARK_API_URL": "http://127.0.0.1"}',
    )
    assert done.returncode != 0
    for words in (
        "TWILIO_API_BASE must be the carrier's own",
        "EXOTEL_API_BASE must be the carrier's own",
        "WHATSAPP_API_BASE must be the carrier's own",
        "the Twilio account default has no auth token",
        "the Exotel account default has a webhook token shorter",
        "the WhatsApp account second lacks",
        "EMAIL_BACKEND sends no mail",
        "DEBUG_API_REQUESTS",
        "POSTMARK_API_URL must be",
    ):
        assert words in done.stderr


def test_a_region_of_a_carrier_is_its_own() -> None:
    done = started(
        TWILIO_API_BASE="https://api.dublin.ie1.twilio.com",
        EXOTEL_API_BASE="https://api.in.exotel.com",
        EMAIL_BACKEND="anymail.backends.postmark.EmailBackend",
        ANYMAIL='{"POSTMARK_SERVER_TOKEN": "made-up", "WEBHOOK_SECRET": "made:up"}',
    )
    assert done.returncode == 0, done.stderr[-500:]


def test_what_is_no_json_object_is_no_mail_service() -> None:
    done = started(ANYMAIL="[1]")
    assert done.returncode != 0
    assert "ANYMAIL must be a JSON object" in done.stderr


def test_production_does_not_load_the_demo() -> None:
    code = (
        "import django, sys; django.setup(); from django.urls import get_resolver; get_resolver().url_patterns;"
        "print([name for name in sys.modules if name.startswith('payportal.demo')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**environment.PRODUCTION, "DJANGO_SETTINGS_MODULE": "payportal.settings", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.strip() == "[]", done.stderr[-500:]
