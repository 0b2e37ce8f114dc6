"""Operators: a new one, ready to be opened at its host name."""

import re
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.core.exceptions import ValidationError
from django.db import transaction

from billing import audit
from billing.models import LegalEntity, Operator


@dataclass(frozen=True, slots=True)
class OperatorData:
    """What a new operator needs to be told apart and called."""

    code: str
    name: str
    host: str
    currency: str
    country: str
    languages: list[str]
    time_zone: str
    help_phone: str
    brand_color: str = "#0d4a59"
    channel: str = "email"
    legal_entity: str = field(default="")
    organization_number: str = field(default="")


def add(data: OperatorData, *, actor: str, now: datetime) -> Operator:
    """Add an operator with its first legal entity. Raises ValidationError with a message for each wrong field."""
    operator = Operator(
        code=data.code,
        name=data.name,
        host=data.host.lower(),
        currency=data.currency.upper(),
        country=data.country.upper(),
        languages=data.languages,
        time_zone=data.time_zone,
        help_phone=data.help_phone,
        brand_color=data.brand_color.lower(),
        channel=data.channel,
    )
    _check(operator)
    with transaction.atomic():
        operator.full_clean()
        operator.save()
        entity = LegalEntity(
            operator=operator,
            name=data.legal_entity or data.name,
            organization_number=data.organization_number,
        )
        entity.full_clean()
        entity.save()
        audit.record(
            actor=actor, verb="add-operator", subject_reference=f"operator:{operator.code}", now=now, operator=operator
        )
    return operator


def _check(operator: Operator) -> None:
    wrong = {}
    if not re.fullmatch(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", operator.host):
        wrong["host"] = "a host name, without scheme and port"
    if not re.fullmatch(r"[A-Z]{2}", operator.country):
        wrong["country"] = "two letters of ISO 3166"
    if not re.fullmatch(r"[A-Z]{3}", operator.currency):
        wrong["currency"] = "three letters of ISO 4217"
    try:
        ZoneInfo(operator.time_zone)
    except (ZoneInfoNotFoundError, ValueError):
        wrong["time_zone"] = "a name of the tz database, like Europe/Oslo"
    if wrong:
        raise ValidationError(wrong)
