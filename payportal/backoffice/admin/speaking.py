"""How an operator speaks to its customers, edited on its page: channels, reminders, and when a PIN is asked for."""

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from billing import fees
from billing.lib import money
from billing.models import ProofRule
from payportal.backoffice import words
from payportal.backoffice.admin.forms import minor_units
from payportal.backoffice.admin.people import SuperusersOnly
from payportal.messaging import channels, notices
from payportal.messaging.models import MessagingPolicy, ReminderRule

# The templates that a rule may say; a fee has words of its own.
REMINDERS = [("reminder", gettext_lazy("A reminder of a bill"))]

# What can be kept back until a PIN is typed, in words.
ACTIONS = [
    (ProofRule.Action.OPEN, gettext_lazy("Opening the link at all")),
    (ProofRule.Action.PAY, gettext_lazy("Paying")),
    (ProofRule.Action.DETAILS, gettext_lazy("Seeing every line of a bill")),
    (ProofRule.Action.DOCUMENTS, gettext_lazy("Seeing documents (none are shown yet)")),
    (ProofRule.Action.SAVE_CARD, gettext_lazy("Saving a card (not offered yet)")),
    (ProofRule.Action.CONTRACT, gettext_lazy("Buying a package")),
]


def local_hour() -> forms.TimeInput:
    """A time of the operator's or its customers' day: the admin's own widget compares it with the reader's clock."""
    return forms.TimeInput(format="%H:%M", attrs={"type": "time"})


def channel_choices(empty: Any) -> list[tuple[str, Any]]:
    """The channels of this site, with what no choice means."""
    return [("", empty), *sorted((code, words.CHANNELS.get(code, code)) for code in channels.REGISTRY)]


def sum_field(label: Any, help_text: Any) -> forms.DecimalField:
    """A sum as people write it: who had to type minor units would one day ask for a hundredth."""
    return forms.DecimalField(
        label=label,
        help_text=help_text,
        required=False,
        min_value=0,
        max_digits=16,
        widget=forms.NumberInput(attrs={"class": "vIntegerField", "step": "any"}),
    )


def show_sum(form: forms.ModelForm, name: str) -> None:
    """Show what is kept in minor units as people write it; nothing is an empty field."""
    kept = getattr(form.instance, name)
    form.initial[name] = money.to_decimal(kept, form.instance.operator.currency) if kept else None


def typed_sum(form: forms.ModelForm, name: str) -> int | None:
    """What was typed, in minor units of the operator's currency. Raises ValidationError."""
    typed = form.cleaned_data[name]
    return None if typed is None else minor_units(typed, form.instance.operator.currency)


class MessagingPolicyForm(forms.ModelForm):
    """A policy whose second channel is another one than the first."""

    fallback_channel = forms.ChoiceField(
        label=gettext_lazy("Second channel"),
        required=False,
        help_text=gettext_lazy(
            "Tried only when the carrier has said for good that the first one failed; never after a time-out."
        ),
    )

    class Meta:
        model = MessagingPolicy
        fields = [
            "account",
            "fallback_channel",
            "whatsapp_shows",
            "on_unknown",
            "quiet_from",
            "quiet_until",
            "cap_messages",
            "cap_days",
        ]
        widgets = {"quiet_from": local_hour(), "quiet_until": local_hour()}
        labels = {
            "account": gettext_lazy("Account at the carriers"),
            "whatsapp_shows": gettext_lazy("A WhatsApp message shows"),
            "on_unknown": gettext_lazy("When nobody can say whether it arrived"),
            "quiet_from": gettext_lazy("Quiet from"),
            "quiet_until": gettext_lazy("Quiet until"),
            "cap_messages": gettext_lazy("Reminders at most"),
            "cap_days": gettext_lazy("in so many days"),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["fallback_channel"].choices = channel_choices(gettext_lazy("none"))  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        operator = cleaned.get("operator") or getattr(self.instance, "operator", None)
        second = cleaned.get("fallback_channel")
        if operator and second and second == operator.channel:
            self.add_error("fallback_channel", _("This is the first channel already."))
        return cleaned


class MessagingPolicyInline(SuperusersOnly, admin.StackedInline):
    model = MessagingPolicy
    form = MessagingPolicyForm
    extra = 0
    max_num = 1
    can_delete = False


class ProofRuleForm(forms.ModelForm):
    """A rule that can come true: only what costs something has a sum."""

    action = forms.ChoiceField(label=gettext_lazy("Before"), choices=ACTIONS)
    via = forms.ChoiceField(label=gettext_lazy("Only for links that came by"), required=False)
    amount_from = sum_field(gettext_lazy("From this sum on"), gettext_lazy("500.00; empty: any sum."))

    class Meta:
        model = ProofRule
        fields = ["action", "via", "amount_from", "is_active"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["via"].choices = channel_choices(gettext_lazy("any channel"))  # type: ignore[attr-defined]
        show_sum(self, "amount_from")

    def clean_amount_from(self) -> int | None:
        return typed_sum(self, "amount_from")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        has_sum = cleaned.get("action") in (ProofRule.Action.PAY, ProofRule.Action.CONTRACT)
        if cleaned.get("amount_from") is not None and not has_sum:
            self.add_error("amount_from", _("Only paying and contracting have a sum."))
        return cleaned


class ProofRuleInline(SuperusersOnly, admin.TabularInline):
    model = ProofRule
    form = ProofRuleForm
    extra = 0
    verbose_name_plural = gettext_lazy("When a PIN is asked for")


class ReminderRuleForm(forms.ModelForm):
    """A rule in words that exist; one with a fee is late enough."""

    channel = forms.ChoiceField(label=gettext_lazy("Channel"), required=False)
    template = forms.ChoiceField(label=gettext_lazy("Text"), choices=REMINDERS)
    fee_amount = sum_field(gettext_lazy("Fee"), gettext_lazy("35.00; empty: it costs nothing."))

    class Meta:
        model = ReminderRule
        fields = ["code", "days", "at", "template", "channel", "fee_amount", "is_active"]
        widgets = {
            "at": local_hour(),
            "code": forms.TextInput(attrs={"size": 8}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["channel"].choices = channel_choices(gettext_lazy("the operator’s"))  # type: ignore[attr-defined]
        show_sum(self, "fee_amount")

    def clean_fee_amount(self) -> int:
        return typed_sum(self, "fee_amount") or 0

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("fee_amount") and timedelta(days=cleaned.get("days", 0)) < fees.NOT_BEFORE:
            self.add_error("days", _("A fee comes two weeks after the due date at the earliest."))
        return cleaned


class ReminderRuleFormSet(forms.BaseInlineFormSet):
    """Rules of which no fee comes without a friendly one two weeks before."""

    def clean(self) -> None:
        super().clean()
        rules = [
            form.cleaned_data
            for form in self.forms
            if getattr(form, "cleaned_data", None) and not form.cleaned_data.get("DELETE")
        ]
        in_force = [rule for rule in rules if rule.get("is_active") and "days" in rule]
        friendly = [rule["days"] for rule in in_force if not rule.get("fee_amount")]
        for rule in in_force:
            latest = rule["days"] - notices.BEFORE_FEE.days
            if rule.get("fee_amount") and not any(days <= latest for days in friendly):
                raise ValidationError(
                    _("The fee after %(days)d days needs a reminder without one, two weeks before it.")
                    % {"days": rule["days"]}
                )


class ReminderRuleInline(SuperusersOnly, admin.TabularInline):
    model = ReminderRule
    form = ReminderRuleForm
    formset = ReminderRuleFormSet
    extra = 0
    verbose_name_plural = gettext_lazy("Reminders")
