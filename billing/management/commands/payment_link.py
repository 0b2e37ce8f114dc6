from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from billing import links
from billing.models import BillingAccount, Invoice


class Command(BaseCommand):
    """Makes a payment link for the customer of an account and prints its address, and nothing else, on one line."""

    help = "Make a payment link for the customer of an account."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--account", required=True, metavar="NUMBER")
        parser.add_argument("--operator", metavar="CODE", help="where several operators have an account of that number")
        parser.add_argument("--currency", metavar="ISO", help="default: that of the account's bill due first")

    def handle(self, *, account: str, operator: str | None, currency: str | None, **options: Any) -> None:
        found = _account(account, operator)
        link = links.create(
            customer=found.customer,
            currency=_currency(found, currency),
            actor="system:payment_link",
            now=timezone.now(),
        )
        self.stdout.write(links.url(link))


def _account(number: str, operator: str | None) -> BillingAccount:
    """The one account of that number. Two of one operator's companies may use the same: the customer must be one."""
    accounts = BillingAccount.objects.filter(number=number).select_related("customer__operator").order_by("pk")
    if operator:
        accounts = accounts.filter(legal_entity__operator__code=operator)
    found = list(accounts)
    if not found:
        raise CommandError(f"there is no account {number!r}" + (f" of operator {operator!r}" if operator else ""))
    if len({account.customer_id for account in found}) > 1:
        raise CommandError(f"several customers have an account {number!r}: say whose with --operator CODE")
    return found[0]


def _currency(account: BillingAccount, asked: str | None) -> str:
    """What is owed first, among all of the customer's bills; who owes nothing gets the operator's currency."""
    owed = Invoice.objects.filter(account__customer_id=account.customer_id).owed().late_first()
    if asked:
        if asked != account.customer.operator.currency and not owed.filter(currency=asked).exists():
            raise CommandError(f"this customer owes nothing in {asked}")
        return asked
    on_account = owed.filter(account=account).first() or owed.first()
    return on_account.currency if on_account else account.customer.operator.currency
