import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from billing import links
from billing.models import Customer
from payportal.demo import data
from payportal.demo.management.commands.demo_load import ADMIN_NAME


class Command(BaseCommand):
    """Makes a fresh payment link for the demo's customer and prints where to look, as one line of JSON."""

    help = "Print a fresh payment link of the demo's customer and where to look, as JSON."

    def handle(self, **options: Any) -> None:
        try:
            customer = data.customer(data.PRINTED_CUSTOMER)
        except Customer.DoesNotExist:
            raise CommandError("there is no demo data: run demo_load first") from None
        operator = customer.operator
        link = links.create(customer=customer, currency=operator.currency, actor="system:demo", now=timezone.now())
        origin = links.origin(operator)
        places = {
            "payment_link": links.url(link),
            "admin_url": f"{origin}/admin/",
            "admin_user": ADMIN_NAME,
            "inbox_url": f"{origin}/demo/inbox/",
        }
        self.stdout.write(json.dumps(places))
