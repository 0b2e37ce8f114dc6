"""allauth's second factor, with secrets encrypted at rest and codes that are good once."""

import base64
import hashlib
import secrets

from allauth.mfa.adapter import DefaultMFAAdapter, get_adapter
from allauth.mfa.base import forms
from allauth.mfa.models import Authenticator
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

from payportal.backoffice import second_factor


class StaffMFAAdapter(DefaultMFAAdapter):
    """Keeps TOTP secrets and recovery seeds encrypted under the site's key: a dump of the database makes no codes."""

    def encrypt(self, text: str) -> str:
        return _box().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        try:
            return _box().decrypt(encrypted_text.encode()).decode()
        except InvalidToken:
            # Its key was rotated away: no code can match this, and a superuser gives the person a new start.
            return base64.b32encode(secrets.token_bytes(20)).decode()


class OneTimeMixin:
    """Refuses a TOTP code whose time step was used before."""

    authenticator: Authenticator

    def clean_code(self) -> str:
        code: str = super().clean_code()  # type: ignore[misc]
        if self.authenticator.type == Authenticator.Type.TOTP and not second_factor.use_counter(
            self.authenticator, code.strip()
        ):
            raise get_adapter().validation_error("incorrect_code")
        return code


class OneTimeAuthenticateForm(OneTimeMixin, forms.AuthenticateForm):
    """The code at log-in."""


class OneTimeReauthenticateForm(OneTimeMixin, forms.ReauthenticateForm):
    """The code asked for again before something delicate."""


def _box() -> MultiFernet:
    keys = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    return MultiFernet(
        [Fernet(base64.urlsafe_b64encode(hashlib.sha256(b"payportal.mfa\0" + key.encode()).digest())) for key in keys]
    )
