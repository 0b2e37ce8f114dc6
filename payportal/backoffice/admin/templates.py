"""An operator's own words for its messages, with what becomes of them shown beside while they are written."""

from dataclasses import replace
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Model
from django.forms import ModelChoiceField
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, QueryDict
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from billing.invoices import local_date
from billing.models import Operator
from payportal.backoffice import access
from payportal.backoffice.admin.base import OperatorFilter, ScopedAdmin
from payportal.messaging import placeholders, previews, texts
from payportal.messaging.models import MessageTemplate
from payportal.messaging.occasions import OCCASIONS
from payportal.messaging.previews import Place, Preview

MEDIA = {"sms": "SMS", "whatsapp": "WhatsApp", "email": gettext_lazy("E-mail")}
# Which text it is: fixed once it is there.
WHICH = ("operator", "name", "language", "medium")
WORDS = ("subject", "label", "body")
# Buttons that show the page again, and save nothing.
SHOW_AGAIN = ("_preview", "_ours")


class MessageTemplateForm(forms.ModelForm):
    """A text that can be filled in and says what it must.

    With ``_preview`` nothing is saved; with ``_ours`` neither, and our own text takes the place of what was typed.
    """

    name = forms.ChoiceField(label=gettext_lazy("Occasion"))
    language = forms.ChoiceField(label=gettext_lazy("Language"), choices=settings.LANGUAGES)
    medium = forms.ChoiceField(label=gettext_lazy("Medium"), choices=list(MEDIA.items()))
    subject = forms.CharField(label=gettext_lazy("Subject"), max_length=150, required=False)
    label = forms.CharField(
        label=gettext_lazy("Words on the button"), max_length=60, required=False, help_text=gettext_lazy("Empty: ours.")
    )
    body = forms.CharField(
        label=gettext_lazy("Text"),
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 12, "class": "vLargeTextField"}),
    )
    carrier_name = forms.CharField(
        label=gettext_lazy("Approved template"),
        max_length=120,
        required=False,
        help_text=gettext_lazy("WhatsApp only: the carrier’s name for it. Its places are filled in the order above."),
    )

    class Meta:
        model = MessageTemplate
        fields = [*WHICH, "subject", "label", "body", "carrier_name"]

    def __init__(self, data: QueryDict | None = None, *args: Any, **kwargs: Any) -> None:
        super().__init__(data, *args, **kwargs)
        if "name" in self.fields:
            self.fields["name"].choices = [(name, each.title) for name, each in OCCASIONS.items()]  # type: ignore[attr-defined]
        if data is not None and "_ours" in data:
            self.data = self._with_ours(data)

    def _with_ours(self, data: QueryDict) -> QueryDict:
        """What was typed, with our own text for the occasion in its place."""
        which = [data.get(field) or getattr(self.instance, field) for field in ("name", "language", "medium")]
        changed = data.copy()
        try:
            ours = texts.default(*which)
        except KeyError:
            return changed
        for field in WORDS:
            changed[field] = getattr(ours, field)
        return changed

    def is_valid(self) -> bool:
        return super().is_valid() and not any(button in self.data for button in SHOW_AGAIN)

    def clean_body(self) -> str:
        return "\n".join(line.rstrip() for line in self.cleaned_data["body"].strip().splitlines())

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        name = cleaned.get("name") or self.instance.name
        medium = cleaned.get("medium") or self.instance.medium
        operator = cleaned.get("operator") or getattr(self.instance, "operator", None)
        language = cleaned.get("language")
        if operator and language and language not in operator.languages:
            self.add_error("language", _("This operator doesn’t speak it."))
        if name in OCCASIONS:
            for field in WORDS:
                self._check_places(field, cleaned.get(field, ""), name)
            if medium == "email" and not cleaned.get("subject"):
                self.add_error("subject", _("A mail needs a subject."))
        if cleaned.get("carrier_name") and medium != "whatsapp":
            self.add_error("carrier_name", _("Only WhatsApp has approved templates."))
        return cleaned

    def _check_places(self, field: str, text: str, name: str) -> None:
        """Refuse what can't be filled in, and a text without what it is sent for."""
        allowed = ", ".join(f"{{{each}}}" for each in placeholders.ALLOWED[name])
        wrong = placeholders.unknown(text, name)
        if wrong:
            self.add_error(
                field,
                ValidationError(
                    _("There is no %(wrong)s here. Choose from: %(allowed)s"),
                    params={"wrong": ", ".join(wrong), "allowed": allowed},
                ),
            )
        named = set(placeholders.named(text))
        if field != "body":
            shown = ", ".join(f"{{{each}}}" for each in sorted(named & placeholders.NEVER_IN_HEADERS))
            if shown:
                self.add_error(field, _("A locked phone would show %(shown)s.") % {"shown": shown})
            return
        missing = [f"{{{each}}}" for each in placeholders.required(name) if each not in named]
        if missing and text:
            self.add_error(field, _("The text must have %(missing)s.") % {"missing": ", ".join(missing)})


@admin.register(MessageTemplate)
class MessageTemplateAdmin(ScopedAdmin):
    """An operator's own words; where there are none, ours are used."""

    form = MessageTemplateForm
    actions = None
    change_form_template = "backoffice/message_template.html"
    list_display = ["occasion", "operator", "language", "medium", "changed_at"]
    list_select_related = ["operator"]
    list_filter = [OperatorFilter, "name", "language", "medium"]
    ordering = ["operator", "name", "medium", "language"]

    @admin.display(description=gettext_lazy("Occasion"), ordering="name")
    def occasion(self, row: MessageTemplate) -> str:
        """What it is for, in words."""
        return str(OCCASIONS[row.name].title) if row.name in OCCASIONS else row.name

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        return WHICH if obj else ()

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> ModelChoiceField | None:
        """Offer only the reader's own operators."""
        if db_field.name == "operator":
            kwargs["queryset"] = access.operators_of(request.user)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def save_model(self, request: HttpRequest, obj: MessageTemplate, form: Any, change: bool) -> None:
        obj.changed_at, obj.changed_by = timezone.now(), access.actor(request)
        super().save_model(request, obj, form, change)

    def get_urls(self) -> list[URLPattern]:
        own = path("preview/", self.admin_site.admin_view(self.preview), name="messaging_messagetemplate_preview")
        return [own, *super().get_urls()]

    def preview(self, request: HttpRequest) -> HttpResponse:
        """What becomes of a text that is being written; asked by htmx, saves nothing."""
        if not (self.has_view_permission(request) or self.has_add_permission(request)):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        row = self._row(request)
        form = MessageTemplateForm(request.POST, instance=row)
        for field in WHICH if row else ():
            del form.fields[field]
        context = self._shown(request, form)
        if context["preview"]:
            context["problems"] = [each for field in WORDS for each in form.errors.get(field, [])]
        return render(request, "backoffice/message_template_preview.html", context)

    def _row(self, request: HttpRequest) -> MessageTemplate | None:
        """The row that is being changed, if it is one and within reach."""
        number = request.POST.get("row", "")
        if not _is_key(number):
            return None
        return self.get_queryset(request).select_related("operator").filter(pk=int(number)).first()

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """The page with its preview; whoever may only look sees what is kept."""
        form = context["adminform"].form
        context |= self._shown(request, form)
        context["preview_url"] = reverse("admin:messaging_messagetemplate_preview")
        return super().render_change_form(request, context, *args, **kwargs)

    def _shown(self, request: HttpRequest, form: Any) -> dict[str, Any]:
        """The preview of a form as it stands, and what may stand in its text."""
        place = self._place(request, form)
        if place is None:
            return {"preview": None, "places": []}
        text = texts.Text(*(_typed(form, field) for field in WORDS))
        today = local_date(place.operator.time_zone, timezone.now())
        shown = previews.show(place, text, today) if text.body else None
        required = placeholders.required(place.name)
        return {
            "preview": _without_headers(shown, place) if shown else None,
            "place": place,
            "places": [
                (f"{{{name}}}", placeholders.MEANING[name], name in required)
                for name in placeholders.ALLOWED[place.name]
            ],
        }

    def _place(self, request: HttpRequest, form: Any) -> Place | None:
        """Which text it is, as far as that is chosen yet."""
        if form.instance.pk:
            row = form.instance
            return Place(row.operator, row.name, row.language, row.medium) if row.name in OCCASIONS else None
        name, language, medium = (_typed(form, field) for field in ("name", "language", "medium"))
        number = _typed(form, "operator")
        reach = access.operators_of(request.user)
        operator = reach.filter(pk=int(number)).first() if _is_key(number) else reach.first()
        name, medium = name or next(iter(OCCASIONS)), medium or next(iter(MEDIA))
        language = language or settings.LANGUAGES[0][0]
        is_known = name in OCCASIONS and medium in MEDIA and language in dict(settings.LANGUAGES)
        return Place(operator, name, language, medium) if isinstance(operator, Operator) and is_known else None


def _is_key(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 19


def _typed(form: Any, field: str) -> str:
    """What stands in a field at this moment, right or wrong."""
    if form.is_bound and field in form.fields:
        return str(form.data.get(form.add_prefix(field), "")).strip().replace("\r\n", "\n")
    return str(form.initial.get(field) or getattr(form.instance, field, "") or "")


def _without_headers(shown: Preview, place: Place) -> Preview:
    """Only mail shows its subject."""
    return shown if place.medium == "email" else replace(shown, subject="")
