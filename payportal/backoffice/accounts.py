"""How allauth treats staff: accounts are made by administrators, nobody signs up."""

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest


class StaffAccountAdapter(DefaultAccountAdapter):
    """allauth's rules for staff accounts."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False
