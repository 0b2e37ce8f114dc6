"""What production refuses to start with: looked at while settings are read, so no process can slip past."""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

STRIPE_API_BASE = "https://api.stripe.com"
STRIPE_JS_HOST = "js.stripe.com"
# Hosts of the carriers, in whatever region; the keys of our accounts and customers' numbers go to no other.
CARRIERS = {
    "TWILIO_API_BASE": re.compile(r"api(\.[a-z0-9-]+)*\.twilio\.com"),
    "EXOTEL_API_BASE": re.compile(r"([a-z0-9-]+\.)+exotel\.com"),
    "WHATSAPP_API_BASE": re.compile(r"graph\.facebook\.com"),
}
# Mails that stay in memory, in files or in the log: with addresses that open something.
KEEPING_BACKENDS = re.compile(
    r"django\.core\.mail\.backends\.(locmem|console|filebased|dummy)\.|anymail\.backends\.(console|test)\."
)
SHORTEST_SECRET = 50
SHORTEST_WEBHOOK_TOKEN = 20


def refuse_unsafe(settings: Mapping[str, Any]) -> None:
    """Raise ImproperlyConfigured with every fault of a production's settings, a line each; names, never values."""
    faults = list(_faults(settings))
    if faults:
        raise ImproperlyConfigured("production does not start like this:\n  " + "\n  ".join(faults))


def _faults(settings: Mapping[str, Any]) -> Iterator[str]:
    yield from _stripe_faults(settings)
    yield from _carrier_faults(settings)
    yield from _mail_faults(settings)
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


def _carrier_faults(settings: Mapping[str, Any]) -> Iterator[str]:
    for name, host in CARRIERS.items():
        base = urlsplit(settings[name])
        if base.scheme != "https" or base.path or not host.fullmatch(base.netloc):
            yield f"{name} must be the carrier's own: https:// and its host, nothing after it"
    if settings["CARRIER_TIMEOUT_SECONDS"] < 1:
        yield "CARRIER_TIMEOUT_SECONDS must be 1 or more"
    for code, account in settings["TWILIO_ACCOUNTS"].items():
        if not account.auth_token:
            yield f"the Twilio account {code} has no auth token: nothing that Twilio says could be believed"
    for code, account in settings["EXOTEL_ACCOUNTS"].items():
        if len(account.webhook_token) < SHORTEST_WEBHOOK_TOKEN:
            yield f"the Exotel account {code} has a webhook token shorter than {SHORTEST_WEBHOOK_TOKEN} characters"
    for code, account in settings["WHATSAPP_ACCOUNTS"].items():
        if not (account.access_token and account.app_secret and account.verify_token):
            yield f"the WhatsApp account {code} lacks its access token, app secret or verify token"


def _mail_faults(settings: Mapping[str, Any]) -> Iterator[str]:
    if KEEPING_BACKENDS.match(settings["EMAIL_BACKEND"]):
        yield "EMAIL_BACKEND sends no mail but keeps it where others can read it"
    if settings["ANYMAIL"].get("DEBUG_API_REQUESTS"):
        yield "ANYMAIL's DEBUG_API_REQUESTS prints every mail"
    for name, value in settings["ANYMAIL"].items():
        if name.endswith("_API_URL") and urlsplit(str(value)).scheme != "https":
            yield f"ANYMAIL's {name} must be an https address"
