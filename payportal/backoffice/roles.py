"""The two roles that staff come in, as Django groups; kept in step with the code after every migration.

A superuser gives a person a role and the operators they work for. Permissions that somebody added to a group by hand
are left alone.
"""

from typing import Any

from django.contrib.auth.models import Group, Permission
from django.db.models import Q

from payportal.backoffice import access

SUPPORT = "Support"
FINANCE = "Finance"

_CUSTOMER = ("billing.customer", "billing.billingaccount", "billing.invoice", "billing.paymentlink", "billing.payment")
_SERVICE = ("activation.package", "activation.device", "activation.order", "activation.activation")
_SHARED = ("activation.activationjob", "messaging.message", "messaging.contactmedium", "messaging.consent")
_BOOKS = ("billing.legalentity", "billing.ledgerentry", "billing.gatewayevent", "billing.auditentry")

# What each looks at, and what else it may do.
ROLES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    SUPPORT: (
        _CUSTOMER + _SERVICE + _SHARED + ("billing.alarm",),
        (access.USE_LINKS, access.RETRY_JOBS, access.SET_PINS, access.KEEP_CONSENTS),
    ),
    FINANCE: (_CUSTOMER + _BOOKS, (access.RUN_REPORTS,)),
}


def install(sender: Any = None, **kwargs: Any) -> None:
    """Make the groups and give them what they lack; running it again changes nothing."""
    for name, (viewed, allowed) in ROLES.items():
        wanted = Q()
        for label in (*(label.replace(".", ".view_") for label in viewed), *allowed):
            app_label, codename = label.split(".")
            wanted |= Q(content_type__app_label=app_label, codename=codename)
        group, _ = Group.objects.get_or_create(name=name)
        group.permissions.add(*Permission.objects.filter(wanted))
