from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import Model
from django.http import HttpRequest

from payportal.backoffice.admin.base import ChangesKept
from payportal.backoffice.models import StaffMember


class SuperusersOnly:
    """Who may see or change anything here: superusers, whatever permissions others were given by mistake.

    Somebody who may edit accounts or roles could give themselves everything.
    """

    def _is_super(self, request: HttpRequest) -> bool:
        return bool(request.user.is_active and getattr(request.user, "is_superuser", False))

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self._is_super(request)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self._is_super(request)

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self._is_super(request)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self._is_super(request)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self._is_super(request)


class StaffMemberInline(SuperusersOnly, admin.StackedInline):
    model = StaffMember
    can_delete = False
    filter_horizontal = ["operators"]


for model in (User, Group, Authenticator, EmailAddress):
    if admin.site.is_registered(model):
        admin.site.unregister(model)


@admin.register(User)
class StaffUserAdmin(SuperusersOnly, ChangesKept, UserAdmin):
    """Staff: their role (a group) and the operators they work for."""

    inlines = [StaffMemberInline]
    list_display = ["username", "is_active", "is_staff", "is_superuser", "last_login"]

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        # The audit trail names people by number: they are switched off, not deleted.
        return False


@admin.register(Group)
class RoleAdmin(SuperusersOnly, ChangesKept, GroupAdmin):
    """Roles."""


@admin.register(Authenticator)
class SecondFactorAdmin(SuperusersOnly, ChangesKept, admin.ModelAdmin):
    """Second factors; the secret is never shown. Deleting one lets its owner, who lost the phone, set up another."""

    list_display = ["user", "type", "created_at", "last_used_at"]
    list_select_related = ["user"]
    search_fields = ["user__username"]
    fields = ["user", "type", "created_at", "last_used_at"]
    readonly_fields = ["user", "type", "created_at", "last_used_at"]

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
