"""The two roles that staff come in, as Django groups; kept in step with the code after every migration.

A superuser gives a person a role and the operators they work for. Permissions that somebody added to a group by hand
are left alone.
"""

from typing import Any

from django.contrib.auth.models import Group, Permission
from django.db.models import Q

SUPPORT = "Support"
FINANCE = "Finance"

_CUSTOMER = ("billing.customer", "billing.billingaccount", "billing.invoice", "billing.paymentlink", "billing.payment")
_SERVICE = ("activation.package", "activation.device", "activation.order", "activation.activation")
_SHARED = ("activation.activationjob", "messaging.message", "messaging.contactmedium", "messaging.consent")
_BOOKS = ("billing.legalentity", "billing.ledgerentry", "billing.gatewayevent", "billing.auditentry")

ROLES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    SUPPORT: (_CUSTOMER + _SERVICE + _SHARED + ("billing.alarm",), ("use_links", "retry_jobs", "set_pins")),
    FINANCE: (_CUSTOMER + _BOOKS, ("run_reports",)),
}


def install(sender: Any = None, **kwargs: Any) -> None:
    """Make the groups and give them what they lack; running it again changes nothing."""
    for name, (viewed, allowed) in ROLES.items():
        wanted = Q(content_type__app_label="backoffice", codename__in=allowed)
        for label in viewed:
            app_label, model = label.split(".")
            wanted |= Q(content_type__app_label=app_label, codename=f"view_{model}")
        group, _ = Group.objects.get_or_create(name=name)
        group.permissions.add(*Permission.objects.filter(wanted))
