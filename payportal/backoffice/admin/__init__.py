"""Every list and page of the admin, one subject a file."""

from payportal.backoffice.admin import (
    accounts,
    alarms,
    customers,
    invoices,
    ledger,
    links,
    messages,
    operators,
    packages,
    payments,
    people,
    services,
    templates,
    trail,
)

__all__ = [
    "accounts",
    "alarms",
    "customers",
    "invoices",
    "ledger",
    "links",
    "messages",
    "operators",
    "packages",
    "payments",
    "people",
    "services",
    "templates",
    "trail",
]
