"""A fresh installation answers no host until it has an operator: this adds the first one, and others."""

from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from billing import operators
from billing.operators import OperatorData

FIELDS = {
    "code": "a short name for commands, like brisvik",
    "name": "what customers call it",
    "host": "the host name of its pages, like pay.brisvik.example",
    "currency": "three letters of ISO 4217",
    "country": "two letters of ISO 3166",
    "languages": "codes, the first is spoken when nothing else is known: nb,en",
    "time-zone": "like Europe/Oslo",
    "help-phone": "where customers can call, with +",
    "legal-entity": "the company that issues the bills",
    "organization-number": "its number in the register",
}


class Command(BaseCommand):
    """Adds an operator and its first legal entity."""

    help = "Add an operator and its first legal entity; the rest is set in the admin, at that operator's host."

    def add_arguments(self, parser: ArgumentParser) -> None:
        for name, words in FIELDS.items():
            parser.add_argument(f"--{name}", required=True, help=words)
        parser.add_argument("--brand-color", default="#0d4a59", help="like #0d4a59")
        parser.add_argument("--channel", default="email", help="what its messages go out on")

    def handle(self, *args: Any, **options: Any) -> None:
        names = [*FIELDS, "brand-color", "channel"]
        values = {name.replace("-", "_"): options[name.replace("-", "_")] for name in names}
        values["languages"] = [code.strip() for code in values["languages"].split(",") if code.strip()]
        try:
            operator = operators.add(OperatorData(**values), actor="system:command", now=timezone.now())
        except ValidationError as error:
            raise CommandError("; ".join(f"{name}: {' '.join(said)}" for name, said in _messages(error))) from None
        self.stdout.write(f"{operator.name} answers at {operator.host}")


def _messages(error: ValidationError) -> list[tuple[str, list[str]]]:
    return [(name.replace("_", "-"), said) for name, said in error.message_dict.items()]
