"""Who may see what: staff see the operators they work for, superusers see all."""

from typing import Any, TypeVar

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest

from billing.models import Operator

AnyModel = TypeVar("AnyModel", bound=models.Model)
USE_LINKS = "backoffice.use_links"
RETRY_JOBS = "backoffice.retry_jobs"
RUN_REPORTS = "backoffice.run_reports"
SET_PINS = "backoffice.set_pins"
KEEP_CONSENTS = "messaging.change_consent"


def operators_of(user: AbstractBaseUser | AnonymousUser) -> QuerySet[Operator]:
    """The operators this person works for."""
    if not isinstance(user, User) or not user.is_active or not user.is_staff:
        return Operator.objects.none()
    if user.is_superuser:
        return Operator.objects.all()
    return Operator.objects.filter(staff_members__user=user)


def within_reach(queryset: QuerySet[AnyModel], user: Any, operator_path: str) -> QuerySet[AnyModel]:
    """The rows whose operator, found by ``operator_path``, this person works for (empty: it is the row itself)."""
    if getattr(user, "is_superuser", False) and user.is_active:
        return queryset
    lookup = f"{operator_path}__in" if operator_path else "pk__in"
    return queryset.filter(**{lookup: operators_of(user).values("pk")})


def actor(request: HttpRequest) -> str:
    """This person, as the audit trail and the timeline name them."""
    return f"staff:{request.user.pk}"
