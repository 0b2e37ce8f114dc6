"""What the demo's processes are told: the environment, and secrets that are made at the first start.

The secrets lie in ``.local/secrets.json`` (0600) and stay the same from start to start, so that earlier links stay
valid.
"""

import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from payportal.demo.addresses import Address, in_url
from payportal.demo.children import DemoError
from payportal.demo.places import CHECKOUT

WEB_THREADS = 4
# What of the caller's environment reaches no process of the demo, as it could carry a real account or a real network.
DROPPED_PREFIXES = (
    "STRIPE_",
    "TWILIO_",
    "EXOTEL_",
    "WHATSAPP_",
    "SECRET_KEY",
    "RECEIPT_KEYS",
    "PIN_KEYS",
    "DJANGO_",
    "PROVISIONER",
    "CELERY_",
    "PUBLIC_",
    "SECURE_",
)
DROPPED_NAMES = ("BEHIND_PROXY", "CSRF_TRUSTED_ORIGINS", "PYTHONPATH", "PYTHONHOME", "STATIC_ROOT", "DB_POOL")


def load_secrets(path: Path) -> dict[str, str]:
    """The demo's secrets, made if there are none."""
    if path.exists():
        try:
            found = {str(name): str(value) for name, value in json.loads(path.read_text()).items()}
        except (ValueError, AttributeError):
            raise DemoError(f"{path} is damaged: remove it or run bin/demo --fresh; earlier links will end") from None
    else:
        found = {}
    made = {
        "SECRET_KEY": secrets.token_urlsafe(48),
        "RECEIPT_KEYS": f"1:{secrets.token_hex(32)}",
        "PIN_KEYS": f"1:{secrets.token_hex(32)}",
        "STRIPE_SECRET_KEY": f"sk_test_standin{secrets.token_hex(16)}",
        "STRIPE_PUBLISHABLE_KEY": f"pk_test_standin{secrets.token_hex(16)}",
        "STRIPE_WEBHOOK_SECRET": f"whsec_{secrets.token_hex(24)}",
    }
    # What an earlier version of the demo did not have yet is added; what it had stays.
    if not made.keys() <= found.keys():
        write_private(path, json.dumps(made | found, indent=1))
    return made | found


def admin_password(path: Path) -> str:
    """The random password of the demo's admin, made at the first start."""
    if not path.exists():
        write_private(path, secrets.token_urlsafe(12))
    return path.read_text().strip()


def write_private(path: Path, text: str) -> None:
    """Write a file that only we may read, whole or not at all."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)


def settings(address: Address, made: Mapping[str, str], *, database_url: str, redis_url: str) -> dict[str, str]:
    """What makes a process one of this demo: addresses and secrets; ``manage.py`` reads the same from a file."""
    stripe = f"{in_url(address.own_host)}:{address.stripe_port}"
    return {
        "PAYPORTAL_MODE": "demo",
        "SECRET_KEY": made["SECRET_KEY"],
        "RECEIPT_KEYS": made["RECEIPT_KEYS"],
        "PIN_KEYS": made["PIN_KEYS"],
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "STRIPE_SECRET_KEY": made["STRIPE_SECRET_KEY"],
        "STRIPE_PUBLISHABLE_KEY": made["STRIPE_PUBLISHABLE_KEY"],
        "STRIPE_WEBHOOK_SECRETS": made["STRIPE_WEBHOOK_SECRET"],
        "STRIPE_API_BASE": f"http://{stripe}",
        "STRIPE_JS_URL": f"http://{in_url(address.public_host)}:{address.stripe_port}/endive/stripe.js",
        "PUBLIC_SCHEME": "http",
        "PUBLIC_HOST": in_url(address.public_host),
        "PUBLIC_PORT": str(address.port),
        "STATIC_ROOT": str(CHECKOUT / ".local" / "static"),
        "LOG_LEVEL": os.environ.get("LOG_LEVEL", "WARNING"),
    }


def environment(address: Address, own: Mapping[str, str]) -> dict[str, str]:
    """The environment of every process of ours: the caller's, without what could be a real account's, and ``own``."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(DROPPED_PREFIXES) and name not in DROPPED_NAMES
    }
    return {
        "SWEEP_SECONDS": "20",
        "WEB_WORKERS": "2",
        **inherited,
        **own,
        "PYTHONUNBUFFERED": "1",
        "WEB_HOST": address.host,
        "WEB_PORT": str(address.port),
        "WEB_THREADS": str(WEB_THREADS),
    }
