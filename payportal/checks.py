"""What production refuses to start with: looked at while settings are read, so no process can slip past."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

STRIPE_API_BASE = "https://api.stripe.com"
STRIPE_JS_HOST = "js.stripe.com"
SHORTEST_SECRET = 50


def refuse_unsafe(settings: Mapping[str, Any]) -> None:
    """Raise ImproperlyConfigured with every fault of a production's settings, a line each; names, never values."""
    faults = list(_faults(settings))
    if faults:
        raise ImproperlyConfigured("production does not start like this:\n  " + "\n  ".join(faults))


def _faults(settings: Mapping[str, Any]) -> Iterator[str]:
    yield from _stripe_faults(settings)
    keys = {"SECRET_KEY": settings["SECRET_KEY"]}
    keys |= {f"SECRET_KEY_FALLBACKS[{number}]": key for number, key in enumerate(settings["SECRET_KEY_FALLBACKS"])}
    for name, key in keys.items():
        if len(key) < SHORTEST_SECRET:
            yield f"{name} is shorter than {SHORTEST_SECRET} characters"
    if settings["PUBLIC_SCHEME"] != "https":
        yield "PUBLIC_SCHEME must be https"
    if settings["PUBLIC_HOST"]:
        yield "PUBLIC_HOST is for the demo: operators have hosts of their own"
    if settings["PROVISIONER"] == "simulator":
        yield "PROVISIONER is the simulator, which switches nothing on"
    elif urlsplit(settings["PROVISIONER_URL"]).scheme != "https":
        yield "PROVISIONER_URL must be an https address"
    if "payportal.demo" in settings["INSTALLED_APPS"]:
        yield "payportal.demo is installed"


def _stripe_faults(settings: Mapping[str, Any]) -> Iterator[str]:
    if settings["STRIPE_API_BASE"] != STRIPE_API_BASE:
        yield f"STRIPE_API_BASE must be {STRIPE_API_BASE}"
    script = urlsplit(settings["STRIPE_JS_URL"])
    if (script.scheme, script.netloc) != ("https", STRIPE_JS_HOST):
        yield f"STRIPE_JS_URL must be on https://{STRIPE_JS_HOST}"
    for code, account in settings["STRIPE_ACCOUNTS"].items():
        if not account.webhook_secrets:
            yield f"the Stripe account {code} has no webhook secret"
        # Swapped, the secret one would stand in every page.
        if not account.publishable_key.startswith("pk_") or not account.secret_key.startswith(("sk_", "rk_")):
            yield f"the Stripe account {code} has a publishable or a secret key that is none"
        modes = {key.split("_")[1] for key in (account.secret_key, account.publishable_key) if key.count("_") >= 2}
        if len(modes) != 1:
            yield f"the Stripe account {code} mixes keys of test and live mode, or has none"
