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
    ],
)
def test_a_mistaken_production_does_not_start_and_says_why(changes: dict[str, str | None], words: str) -> None:
    done = started(**changes)
    assert done.returncode != 0
    assert words in done.stderr


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
