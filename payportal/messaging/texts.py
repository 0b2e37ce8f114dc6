"""The texts themselves: an operator's own where there is one, else ours from ``templates/messages``.

Ours are ``<name>.<medium>.<language>.txt``: header lines (``Subject``, ``Label``), an empty line, the text.
"""

from dataclasses import dataclass
from functools import lru_cache

import structlog
from django.conf import settings

from payportal.messaging import placeholders
from payportal.messaging.models import MessageTemplate
from payportal.messaging.occasions import OCCASIONS

log = structlog.get_logger(__name__)

MEDIA = ("sms", "whatsapp", "email")
# What we speak where a language has no text of ours.
FALLBACK_LANGUAGE = "en"
_FOLDER = settings.BASE_DIR / "templates" / "messages"


@dataclass(frozen=True, slots=True)
class Text:
    """One text, its placeholders not filled in yet. ``carrier_name`` is the carrier's for an approved template."""

    subject: str
    label: str
    body: str
    carrier_name: str = ""


def text(operator_id: int, name: str, language: str, medium: str) -> Text:
    """What to say on this occasion. Raises KeyError for an occasion that there is not."""
    own = MessageTemplate.objects.filter(operator_id=operator_id, name=name, language=language, medium=medium).first()
    if own is not None and not placeholders.unknown(own.subject + own.label + own.body, name):
        return Text(own.subject, own.label or default(name, language, medium).label, own.body, own.carrier_name)
    if own is not None:
        # It was right when it was saved: a placeholder has been taken away since.
        log.error("message_template_outdated", template=own.pk)
    return default(name, language, medium)


@lru_cache(maxsize=256)
def default(name: str, language: str, medium: str) -> Text:
    """Our own text. Raises KeyError for an occasion or a medium that there is not."""
    if name not in OCCASIONS or medium not in MEDIA:
        raise KeyError(name)
    path = _FOLDER / f"{name}.{medium}.{language}.txt"
    if not path.exists():
        path = _FOLDER / f"{name}.{medium}.{FALLBACK_LANGUAGE}.txt"
    head, _empty, body = path.read_text("utf-8").partition("\n\n")
    headers = {}
    for line in head.splitlines():
        header, _colon, value = line.partition(":")
        headers[header.lower()] = value.strip()
    return Text(headers.pop("subject", ""), headers.pop("label", ""), body.strip(), **headers)
