"""Our accounts at the carriers, read from the environment while settings are read: no model is needed here.

Accounts have codes; an operator's messaging policy names one. ``default`` comes from ``TWILIO_*``, ``EXOTEL_*`` and
``WHATSAPP_*``; others from ``MESSAGE_ACCOUNT_CODES`` and ``TWILIO_<CODE>_*`` and so on. A carrier without keys is not
there: messages that name it stop and say so.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from environs import Env


@dataclass(frozen=True, slots=True)
class TwilioAccount:
    """The keys of one account at Twilio; the senders are numbers (E.164), names or messaging services.

    The auth token signs what Twilio posts. Calls are made with it as well, or with an API key (``SK...``), which can be
    taken back by itself and which regions other than the United States ask for.
    """

    account_sid: str
    auth_token: str = field(repr=False)
    sms_from: str = ""
    whatsapp_from: str = ""
    key_sid: str = ""
    key_secret: str = field(repr=False, default="")


@dataclass(frozen=True, slots=True)
class ExotelAccount:
    """The keys of one account at Exotel.

    ``webhook_token`` stands in the address that Exotel calls; with ``signature_secret``, where it gave one, it signs
    what it posts of WhatsApp.
    """

    account_sid: str
    api_key: str = field(repr=False)
    api_token: str = field(repr=False)
    webhook_token: str = field(repr=False)
    sms_from: str = ""
    whatsapp_from: str = ""
    dlt_entity_id: str = ""
    signature_secret: str = field(repr=False, default="")


@dataclass(frozen=True, slots=True)
class WhatsAppAccount:
    """The keys of one number at Meta's WhatsApp Cloud API."""

    phone_number_id: str
    access_token: str = field(repr=False)
    app_secret: str = field(repr=False)
    verify_token: str = field(repr=False)


def twilio(env: Env) -> dict[str, TwilioAccount]:
    """Accounts at Twilio by code."""
    return {
        code: TwilioAccount(
            account_sid=env.str(prefix + "ACCOUNT_SID"),
            auth_token=env.str(prefix + "AUTH_TOKEN"),
            sms_from=env.str(prefix + "SMS_FROM", ""),
            whatsapp_from=env.str(prefix + "WHATSAPP_FROM", ""),
            key_sid=env.str(prefix + "KEY_SID", ""),
            key_secret=env.str(prefix + "KEY_SECRET", ""),
        )
        for code, prefix in _known(env, "TWILIO", "ACCOUNT_SID")
    }


def exotel(env: Env) -> dict[str, ExotelAccount]:
    """Accounts at Exotel by code."""
    return {
        code: ExotelAccount(
            account_sid=env.str(prefix + "ACCOUNT_SID"),
            api_key=env.str(prefix + "API_KEY"),
            api_token=env.str(prefix + "API_TOKEN"),
            webhook_token=env.str(prefix + "WEBHOOK_TOKEN"),
            sms_from=env.str(prefix + "SMS_FROM", ""),
            whatsapp_from=env.str(prefix + "WHATSAPP_FROM", ""),
            dlt_entity_id=env.str(prefix + "DLT_ENTITY_ID", ""),
            signature_secret=env.str(prefix + "SIGNATURE_SECRET", ""),
        )
        for code, prefix in _known(env, "EXOTEL", "ACCOUNT_SID")
    }


def whatsapp(env: Env) -> dict[str, WhatsAppAccount]:
    """Numbers at Meta's WhatsApp Cloud API by code."""
    return {
        code: WhatsAppAccount(
            phone_number_id=env.str(prefix + "PHONE_NUMBER_ID"),
            access_token=env.str(prefix + "ACCESS_TOKEN"),
            app_secret=env.str(prefix + "APP_SECRET"),
            verify_token=env.str(prefix + "VERIFY_TOKEN"),
        )
        for code, prefix in _known(env, "WHATSAPP", "PHONE_NUMBER_ID")
    }


def mail_service(env: Env) -> dict[str, Any]:
    """django-anymail's settings: a JSON object in ANYMAIL."""
    found = env.json("ANYMAIL", {})
    if not isinstance(found, dict):
        raise ImproperlyConfigured("ANYMAIL must be a JSON object")
    return found


def _known(env: Env, carrier: str, first: str) -> Iterator[tuple[str, str]]:
    """Code and prefix of each account that has its first variable."""
    for code in ["default", *env.list("MESSAGE_ACCOUNT_CODES", [])]:
        prefix = f"{carrier}_" if code == "default" else f"{carrier}_{code.upper()}_"
        if env.str(prefix + first, ""):
            yield code, prefix
