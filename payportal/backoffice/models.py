"""Which operators a member of staff works for, and what staff may be allowed to do beyond looking."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from billing.models import Operator


class StaffMember(models.Model):
    """The operators whose customers this person may see; without this row, none (superusers see all)."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, related_name="staff_member")
    operators = models.ManyToManyField(Operator, related_name="staff_members", blank=True)

    class Meta:
        verbose_name = _("staff member")
        verbose_name_plural = _("staff members")
        default_permissions = ()
        permissions = [
            ("use_links", _("Can make, show, send and withdraw payment links")),
            ("retry_jobs", _("Can have a parked job tried again")),
            ("run_reports", _("Can run finance reports")),
            ("set_pins", _("Can set and remove customers’ PINs")),
        ]

    def __str__(self) -> str:
        return str(self.user)
