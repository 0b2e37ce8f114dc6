"""What a person may type into the few rows that staff edit: everything that would break a page is refused here."""

import re
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from babel import Locale, UnknownLocaleError
from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from billing import gateways
from billing.lib import money
from payportal.backoffice import words
from payportal.messaging import channels

_PATH_DATA = re.compile(r"[MmLlHhVvCcSsQqTtAaZz0-9 ,.eE+-]*\Z")
_PHONE = re.compile(r"\+?[0-9][0-9 ()-]{3,30}\Z")
_HOST = re.compile(r"(?=.{1,253}\Z)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*\Z")
LONGEST_LINK_MINUTES = 30 * 24 * 60
_CURRENCY = re.compile(r"[A-Z]{3}\Z")


def checked_currency(code: str) -> str:
    """A currency that amounts can be written in. Raises ValidationError."""
    if not _CURRENCY.match(code) or code not in Locale("en").currencies:
        raise ValidationError(_("This is no currency code, such as NOK or EUR."))
    return code


def checked_names(names: Any) -> dict[str, str]:
    """Names by language, at least one, none of them empty. Raises ValidationError."""
    if not isinstance(names, dict) or not names:
        raise ValidationError(_('Write names by language: {"en": "Films", "nb": "Film"}.'))
    for language, name in names.items():
        if not isinstance(name, str) or not name.strip() or len(name) > 80:
            raise ValidationError(
                _("The name in “%(language)s” is empty, too long or no text.") % {"language": language}
            )
        try:
            Locale.parse(language, sep="-")
        except (UnknownLocaleError, ValueError):
            raise ValidationError(_("“%(language)s” is no language.") % {"language": language}) from None
    return {language: name.strip() for language, name in names.items()}


def minor_units(amount: Decimal, currency: str) -> int:
    """A sum as people write it, in minor units. Raises ValidationError for more decimals than the currency has."""
    units = amount.scaleb(money.exponent(currency))
    if units != units.to_integral_value():
        raise ValidationError(_("This has more decimals than the currency."))
    return int(units)


class PackageForm(forms.ModelForm):
    """A package that the page can show and a customer can pay.

    The price is typed as people write it, "99.00": whoever had to type minor units would one day sell for a hundredth.
    """

    price = forms.DecimalField(max_digits=16, min_value=Decimal("0.001"), help_text=gettext_lazy("With tax: 99.00"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial["price"] = money.to_decimal(self.instance.amount, self.instance.currency)

    def clean_names(self) -> dict[str, str]:
        return checked_names(self.cleaned_data["names"])

    def clean_currency(self) -> str:
        return checked_currency(self.cleaned_data["currency"])

    def clean_vat_rate(self) -> int:
        rate: int = self.cleaned_data["vat_rate"]
        if rate > 10_000:
            raise ValidationError(_("This is more than 100 %: 25 % is 2500."))
        return rate

    def clean(self) -> dict[str, Any]:
        """Refuse a company of another operator: its bill would go out in a stranger's name."""
        cleaned = super().clean() or {}
        operator = cleaned.get("operator") or getattr(self.instance, "operator", None)
        entity = cleaned.get("legal_entity")
        if operator and entity and entity.operator_id != operator.pk:
            self.add_error("legal_entity", _("This company belongs to another operator."))
        if "price" in cleaned and "currency" in cleaned:
            try:
                self.instance.amount = minor_units(cleaned["price"], cleaned["currency"])
            except ValidationError as error:
                self.add_error("price", error)
        return cleaned


class OperatorForm(forms.ModelForm):
    """An operator whose pages work."""

    languages = forms.CharField(help_text=gettext_lazy("nb, en: the first one is spoken when nothing else is known."))
    channel = forms.ChoiceField(help_text=gettext_lazy("What messages go out on."))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["channel"].choices = sorted(  # type: ignore[attr-defined]
            (code, words.CHANNELS.get(code, code)) for code in channels.REGISTRY
        )
        if self.instance.pk:
            self.initial["languages"] = ", ".join(self.instance.languages)

    def clean_host(self) -> str:
        host: str = self.cleaned_data["host"].strip().lower()
        if not _HOST.match(host):
            raise ValidationError(_("This is no host name, such as pay.example.com (without https:// and port)."))
        return host

    def clean_currency(self) -> str:
        return checked_currency(self.cleaned_data["currency"])

    def clean_time_zone(self) -> str:
        zone: str = self.cleaned_data["time_zone"]
        if zone not in available_timezones():
            raise ValidationError(_("This is no time zone, such as Europe/Oslo."))
        return ZoneInfo(zone).key

    def clean_languages(self) -> list[str]:
        languages = self.cleaned_data["languages"].replace(",", " ").split()
        spoken = {code for code, _name in settings.LANGUAGES}
        if not languages or not set(languages) <= spoken:
            raise ValidationError(_("Choose from: %(codes)s") % {"codes": ", ".join(sorted(spoken))})
        return list(dict.fromkeys(languages))

    def clean_mark(self) -> str:
        mark: str = self.cleaned_data["mark"]
        if not _PATH_DATA.match(mark):
            raise ValidationError(_("This is no path data of an SVG drawing."))
        return mark

    def clean_help_phone(self) -> str:
        phone: str = self.cleaned_data["help_phone"].strip()
        if not _PHONE.match(phone):
            raise ValidationError(_("Write the number with digits, blanks and a leading +."))
        return phone

    def clean_link_lifetime_minutes(self) -> int:
        minutes: int = self.cleaned_data["link_lifetime_minutes"]
        if not 0 < minutes <= LONGEST_LINK_MINUTES:
            raise ValidationError(_("A link lives from one minute to 30 days (43200 minutes)."))
        return minutes

    def clean(self) -> dict[str, Any]:
        """Refuse a gateway that there is no adapter or no keys for: nobody could pay."""
        cleaned = super().clean() or {}
        if "gateway" in cleaned and cleaned["gateway"] not in gateways.GATEWAYS:
            self.add_error("gateway", _("Choose from: %(codes)s") % {"codes": ", ".join(sorted(gateways.GATEWAYS))})
        if "gateway_account" in cleaned and cleaned["gateway_account"] not in settings.STRIPE_ACCOUNTS:
            known = ", ".join(sorted(settings.STRIPE_ACCOUNTS))
            self.add_error("gateway_account", _("Choose from: %(codes)s") % {"codes": known})
        return cleaned
