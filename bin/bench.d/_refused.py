"""Everything that opens nothing, as requests: what a stranger can make, and what its holder alone can have."""

import itertools
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import _load
import _world

ACTOR = "system:benchmark"
TOKEN = re.compile(rb'name="csrfmiddlewaretoken" value="([^"]+)"')
_visitors = itertools.count()


@dataclass(frozen=True)
class Kind:
    """One way not to get in. ``alike`` names the kinds whose answers must not differ; ``asks`` makes the request."""

    title: str
    alike: str
    asks: Callable[[], bytes]


def kinds(visited: _world.Visited, port: int, now: datetime) -> list[Kind]:
    return [*_links(visited, now), *_tokens(), *_codes(port)]


def without_token(body: bytes) -> bytes:
    """The page as it is for everybody: its form's token differs each time."""
    return TOKEN.sub(b"", body)


def with_names(request: bytes, count: int = 5000) -> list[bytes]:
    """The same request from so many browsers of different names: more than anybody keeps in mind."""
    name = _load.PHONE.encode()
    assert name in request
    return [request.replace(name, name + b" Version/17.5 Mobile/15E%d Safari/604.1" % each) for each in range(count)]


def altered(text: str) -> str:
    """One letter changed, before the last: the last one has bits that mean nothing."""
    return text[:-3] + ("A" if text[-3] != "A" else "B") + text[-2:]


def _get(title: str, path: str, alike: str = "gone", **headers: str) -> Kind:
    request = _load.get(path, **headers)
    return Kind(title, alike, lambda: request)


def _links(visited: _world.Visited, now: datetime) -> list[Kind]:
    from billing import links
    from billing.models import PaymentLink
    from payportal.demo import data

    customer = data.customer(data.PRINTED_CUSTOMER)

    def made(**more: object) -> PaymentLink:
        return links.create(**{"customer": customer, "currency": "NOK", "actor": ACTOR, "now": now, **more})  # type: ignore[arg-type]

    past = made(now=now - timedelta(days=99), lifetime=timedelta(days=1))
    revoked, replaced = made(), made()
    links.revoke(revoked, actor=ACTOR, now=now)
    assert links.renew(replaced, actor=ACTOR, now=now)
    foreign = made(customer=data.customer(data.SOLMARA_CUSTOMER), currency="EUR")
    addresses = {
        "random": f"/p/{'x' * 11}/{'y' * 27}",
        "one letter changed": altered(visited.path),
        "another operator's": links.path(foreign),
        "expired": links.path(past),
        "withdrawn (its holder's)": links.path(revoked),
        "a fresh one took its place (its holder's)": links.path(replaced),
    }
    cookies = {
        "no cookie": "",
        "random cookie": f"link={'y' * 27}",
        "cookie with one letter changed": f"link={altered(visited.cookie)}",
    }
    ended = [
        (title, f"/p/{link.selector}/", links.cookie_value(link))
        for title, link in (("withdrawn", revoked), ("a fresh one took its place", replaced))
    ]
    return [
        *[_get(f"/p/ {title}", path) for title, path in addresses.items()],
        *[_get(f"/p/ {title}", visited.page, **({"Cookie": each} if each else {})) for title, each in cookies.items()],
        *[_get(f"/p/ its holder's cookie, {title}", page, Cookie=f"link={each}") for title, page, each in ended],
        *[_get(f"/q/ {title}", f"/q{path[2:]}.jpg") for title, path in addresses.items()],
        *[
            _get(f"/p/.../state {title}", f"{visited.page}state", "state", **({"Cookie": each} if each else {}))
            for title, each in cookies.items()
        ],
    ]


def _tokens() -> list[Kind]:
    """Status pages and receipts. Only we can make what names a payment that is not there."""
    from billing import links, receipts
    from billing.lib import references
    from billing.models import Operator, Payment

    ours, other = Operator.objects.get(is_default=True), Operator.objects.exclude(is_default=True).earliest("pk")
    missing = Payment(operator=ours, reference=references.new_reference())
    foreign = Payment(operator=other, reference=references.new_reference())
    found = []
    for prefix, token in (("/s/", links.status_token), ("/r/", receipts.token)):
        found += [
            _get(f"{prefix} random", f"{prefix}{'x' * 44}"),
            _get(f"{prefix} one letter changed", prefix + altered(token(missing))),
            _get(f"{prefix} another operator's", prefix + token(foreign)),
            _get(f"{prefix} of no payment (only we can make it)", prefix + token(missing)),
        ]
    for title, what in (("random", "x" * 44), ("one letter changed", altered(links.status_token(missing)))):
        found.append(_get(f"/s/.../part {title}", f"/s/{what}/part?v=1", "part"))
    return found


def _codes(port: int) -> list[Kind]:
    """What is typed at /verify. Each comes from a visitor of its own: one alone would soon have asked too often."""
    from billing.models import Operator
    from payportal.messaging import codes

    ours, other = Operator.objects.get(is_default=True), Operator.objects.exclude(is_default=True).earliest("pk")
    connection = _load.Connection(port)
    form = connection.ask(_load.get("/verify", Accept_Encoding="identity"))
    connection.close()
    found = TOKEN.search(form.body)
    assert found, "/verify has no form"
    cookie = form.headers["set-cookie"].partition(";")[0]

    def typed(title: str, code: str) -> Kind:
        body = f"csrfmiddlewaretoken={found[1].decode()}&code={code}".encode()

        def asks() -> bytes:
            number = next(_visitors)
            return _load.post(
                "/verify",
                body,
                Cookie=cookie,
                Content_Type="application/x-www-form-urlencoded",
                X_Forwarded_For=f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}",
            )

        return Kind(f"/verify {title}", "verify", asks)

    code = codes.new_code(ours)
    return [
        typed("no code at all", "hello"),
        typed("one letter changed", altered(code)),
        typed("another operator's", codes.new_code(other)),
        typed("of no message (only we can make it)", code),
    ]
