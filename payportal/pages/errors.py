"""Friendly words where Django would show its own error pages.

Each answers in the form that was asked for: a page, a piece of one for htmx, or JSON for the script.
"""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from payportal.pages import shell
from payportal.pages.requests import operator_of

# What staff see; they have no link to tap.
STAFF_PATHS = ("/admin/", "/accounts/")
OUTAGE_TITLE = gettext_lazy("We’ll be right back")
OUTAGE_TEXT = gettext_lazy("Something of ours is not answering. Nothing is lost. Please try again in a moment.")


def gone(request: HttpRequest) -> HttpResponse:
    """Unknown, forged, expired, revoked, another operator's: one page for all, telling nothing.

    Its button posts to the address it stands at and asks for a fresh link (payportal.pages.fresh).
    """
    if _wants_json(request) or operator_of(request) is None:
        return words(
            request,
            status=404,
            title=_("This link no longer works"),
            text=_("Links last only a short time, to keep your bill private. Nothing is wrong with your account."),
        )
    return shell.page_for_all(request, "pages/gone.html", kind="plain", status=404)


def cookies_needed(request: HttpRequest) -> HttpResponse:
    """A post to a link's page without the cookie that its first visit sets."""
    return words(
        request,
        status=403,
        title=_("Please open your link again"),
        text=_("This page needs the cookie that comes with your link. Allow cookies, then tap the link once more."),
        call=True,
    )


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A post without its CSRF token: the page was kept too long, or another site sent it."""
    if request.path_info.startswith(STAFF_PATHS):
        return words(
            request,
            status=403,
            title=_("This page is too old"),
            text=_("Nothing has been changed. Go back, load the page again, and allow cookies for it."),
            again=request.get_full_path(),
        )
    return words(
        request,
        status=403,
        title=_("This page is too old"),
        text=_("Nothing has been paid. Please tap your link again, and allow cookies for this page."),
        call=True,
    )


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Something in the request could not be read; nothing was changed."""
    return words(
        request,
        status=400,
        title=_("That didn’t work"),
        text=_("We could not read what was sent. Nothing has been changed."),
    )


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Below the links' addresses it is the same as for a link that has ended."""
    if request.path_info.startswith(("/p/", "/s/", "/r/", "/q/")):
        from payportal.pages import fresh

        # No address of ours, so nobody's link: the button of its page is answered like any stranger's.
        return fresh.answer(request, None) if fresh.is_asked_for(request) else gone(request)
    if request.path_info.startswith(STAFF_PATHS):
        return words(
            request,
            status=404,
            title=_("There is no page here"),
            text=_("It is gone, or it belongs to an operator that you don’t work for."),
        )
    return words(
        request,
        status=404,
        title=_("There is no page here"),
        text=_("If you came from a message of ours, tap its link once more."),
    )


def failed(request: HttpRequest) -> HttpResponse:
    """A mistake of ours; it stands in the log."""
    return words(
        request,
        status=500,
        title=_("Something went wrong here"),
        text=_("It is our mistake, and we’ll look at it. Please try again in a moment."),
        call=True,
    )


def words(
    request: HttpRequest, *, status: int, title: object, text: object, call: bool = False, again: str = ""
) -> HttpResponse:
    """A title and a sentence, as page, piece or JSON, and one next step.

    ``again`` is where "Try again" leads; ``call`` makes the operator's help number the step instead.
    """
    if _wants_json(request):
        return shell.private(JsonResponse({"title": str(title), "message": str(text)}, status=status))
    operator = operator_of(request)
    return shell.page(
        request,
        "pages/words.html",
        kind="plain",
        context={
            "title": title,
            "text": text,
            "call": call and operator is not None,
            "again": again,
            "is_staff": request.path_info.startswith(STAFF_PATHS),
        },
        status=status,
    )


def _wants_json(request: HttpRequest) -> bool:
    return "application/json" in request.headers.get("Accept", "")
