"""Meta's WhatsApp Cloud API: what is sent, what its codes mean, and what its webhooks say."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from payportal.messaging.channels.base import (
    BadKeys,
    Credit,
    NoCredit,
    NotSent,
    Receipt,
    Refused,
    Said,
    SendUnknown,
)
from payportal.messaging.channels.whatsapp_cloud import WhatsAppCloud
from tests.payportal.messaging.channels.far_sides import HANDOVER, MESSAGE, PHONE, Posted, Reply
from tests.payportal.messaging.channels.whatsapp_server import KEYS, NUMBER, WhatsAppServer, problem, signed

# What Meta posts, of the kinds that we act on; all of them are in a collection beside the project.
REAL: dict[str, Any] = json.loads((Path(__file__).parent / "metas_posts.json").read_text())["bodies"]
SHARED = Path(__file__).resolve().parents[5] / "shared" / "messages" / "whatsapp"
JPEG = b"\xff\xd8\xff\xe0 a made-up picture \xff\xd9"


@pytest.fixture
def meta(settings: Settings) -> Iterator[WhatsAppServer]:
    with WhatsAppServer("whatsapp_cloud", settings).running() as running:
        yield running  # type: ignore[misc]


def received(posted: Posted, account: str = "default") -> list[Any]:
    return list(WhatsAppCloud().receive(account, posted.url, posted.headers, posted.body))


def test_it_works(meta: WhatsAppServer) -> None:
    assert WhatsAppCloud().send(meta.message) == "wamid.made-up-1"
    assert meta.messages == [
        {
            "messaging_product": "whatsapp",
            "recipient_type": "individual",
            "to": PHONE,
            "biz_opaque_callback_data": HANDOVER,
            "type": "text",
            "text": {"preview_url": False, "body": MESSAGE.text},
        }
    ]


def test_a_template_gets_its_words_and_its_picture(meta: WhatsAppServer) -> None:
    message = replace(
        meta.message, carrier_template="bill_due", language="nb", parameters=("Brisvik", "1 047,00 kr"), image=JPEG
    )
    WhatsAppCloud().send(message)
    [sent] = meta.messages
    assert sent["type"] == "template"
    [picture] = meta.pictures
    assert sent["template"] == {
        "name": "bill_due",
        "language": {"code": "nb"},
        "components": [
            {"type": "header", "parameters": [{"type": "image", "image": {"id": picture}}]},
            {
                "type": "body",
                "parameters": [{"type": "text", "text": "Brisvik"}, {"type": "text", "text": "1 047,00 kr"}],
            },
        ],
    }


def test_a_picture_is_given_to_meta_and_named_by_its_id(meta: WhatsAppServer) -> None:
    WhatsAppCloud().send(replace(meta.message, image=JPEG))
    [(number, body)] = meta.pictures.items()
    assert JPEG in body
    assert meta.messages[0]["image"] == {"id": number, "caption": MESSAGE.text}


@pytest.mark.parametrize("fault", ["fail", "hang", "break"])
def test_while_the_picture_is_on_its_way_no_message_was_sent(meta: WhatsAppServer, fault: str) -> None:
    """Whatever becomes of the picture, the message was not asked for yet: trying again can't send it twice."""
    meta.settings.CARRIER_TIMEOUT_SECONDS = 0.3
    {"fail": lambda: meta.fail_with(500), "hang": meta.hang, "break": meta.take_and_break}[fault]()
    with pytest.raises(NotSent):
        WhatsAppCloud().send(replace(meta.message, image=JPEG))
    assert meta.messages == []


@pytest.mark.parametrize(
    "code, kind",
    [
        (131026, Refused),
        (131047, Refused),
        (131050, Refused),
        (132001, Refused),
        (100, Refused),
        (190, BadKeys),
        (10, BadKeys),
        (200, BadKeys),
        (299, BadKeys),
        (368, BadKeys),
        (131031, BadKeys),
        (133010, BadKeys),
        (131042, NoCredit),
        (4, NotSent),
        (80007, NotSent),
        (130429, NotSent),
        (131048, NotSent),
        (131056, NotSent),
        (1, SendUnknown),
        (2, SendUnknown),
        (131000, SendUnknown),
        (131016, SendUnknown),
    ],
)
def test_what_metas_codes_mean(meta: WhatsAppServer, code: int, kind: type[Exception]) -> None:
    meta.refused_with = code
    with pytest.raises(kind) as failure:
        WhatsAppCloud().send(meta.message)
    assert type(failure.value) is kind
    assert PHONE[1:] not in str(failure.value)
    marks = {131026: "unreachable", 131050: "opted_out"}
    assert getattr(failure.value, "mark", "") == marks.get(code, "")


def test_an_answer_without_an_id_is_no_answer(meta: WhatsAppServer) -> None:
    for content in ({}, {"messages": []}, {"messages": [{}]}, {"messages": "x"}, {"messages": [{"id": "1"}]}, []):
        meta._fault = lambda handler, asked, content=content: handler.reply(Reply(200, content))
        with pytest.raises(SendUnknown):
            WhatsAppCloud().send(meta.message)


def test_asking_for_our_number_shows_whether_the_keys_are_good(meta: WhatsAppServer) -> None:
    assert WhatsAppCloud().credit("default") == Credit()
    for body in (problem(190), problem(10)):
        meta._fault = lambda handler, asked, body=body: handler.reply(Reply(400, body))
        with pytest.raises(BadKeys):
            WhatsAppCloud().credit("default")


def test_one_post_may_hold_many_receipts(meta: WhatsAppServer) -> None:
    statuses = [{"id": f"wamid.{n}", "status": "delivered", "biz_opaque_callback_data": f"h{n}"} for n in range(50)]
    news = received(meta.posted({"statuses": statuses}))
    assert [receipt.handover for receipt in news] == [f"h{n}" for n in range(50)]


def test_receipts_come_for_every_number_of_the_app_and_stop_counts_for_the_one_it_was_said_to(
    meta: WhatsAppServer,
) -> None:
    value = {
        "statuses": [{"id": "wamid.1", "status": "read"}],
        "messages": [{"from": PHONE[1:], "type": "text", "text": {"body": "STOP"}}],
    }
    assert received(meta.posted(value, "another")) == [Receipt("read", channel_reference="wamid.1")]
    assert Said(PHONE, "stop") in received(meta.posted(value, NUMBER))


@pytest.mark.parametrize("value, wish", [("stop", "stop"), ("resume", "start")])
def test_whatsapps_own_switch_is_an_opt_out(meta: WhatsAppServer, value: str, wish: str) -> None:
    preference = {"wa_id": PHONE[1:], "category": "marketing_messages", "value": value, "timestamp": 1}
    assert received(meta.posted({"user_preferences": [preference]})) == [Said(PHONE, wish)]  # type: ignore[arg-type]


def test_a_tapped_button_is_an_answer(meta: WhatsAppServer) -> None:
    tapped = {"from": PHONE[1:], "type": "button", "button": {"payload": "x", "text": "Stop"}}
    assert received(meta.posted({"messages": [tapped]})) == [Said(PHONE, "stop")]


@pytest.mark.parametrize("kind", ["deleted", "warning", "pending", ""])
def test_states_that_we_do_not_know_are_no_news(meta: WhatsAppServer, kind: str) -> None:
    assert received(meta.posted({"statuses": [{"id": "wamid.1", "status": kind}]})) == []


@pytest.mark.parametrize(
    "content",
    [[], 1, "x", None, {"entry": 1}, {"entry": [1]}, {"entry": [{"changes": [{"value": 1}]}]}, {"entry": [[]]}],
)
def test_what_has_another_shape_is_refused_in_one_way(meta: WhatsAppServer, content: Any) -> None:
    with pytest.raises(ValueError, match="shape"):
        received(signed(content))


def test_what_is_signed_and_no_json_is_refused(meta: WhatsAppServer) -> None:
    import hashlib
    import hmac

    from tests.payportal.messaging.channels.whatsapp_server import SECRET

    mac = hmac.new(SECRET.encode(), b"{", hashlib.sha256).hexdigest()
    with pytest.raises(ValueError, match=r"."):
        received(Posted("x", {"x-hub-signature-256": f"sha256={mac}"}, b"{"))


def posted(name: str) -> list[Any]:
    return received(signed(REAL[name]))


def test_real_receipts_are_understood(meta: WhatsAppServer) -> None:
    """As Meta posts them; they come for every number of the app."""
    ids = {"channel_reference": "wamid.xyzxyz"}
    assert posted("message_status/sent") == [Receipt("accepted", **ids)]
    assert posted("message_status/delivered") == [Receipt("delivered", **ids)]
    assert posted("message_status/read") == [Receipt("read", **ids)]
    assert posted("message_status/failed") == [Receipt("undelivered", error="WhatsApp 130472", **ids)]


@pytest.mark.parametrize("value, wish", [("resume", "start"), ("stop", "stop")])
def test_a_real_wish_counts_for_the_number_it_was_said_to(meta: WhatsAppServer, value: str, wish: str) -> None:
    """The customer is the preference's ``wa_id``, and not the contact beside it."""
    body = json.dumps(REAL["user_marketing_preferences/resume"]).replace('"resume"', f'"{value}"')
    assert received(signed(json.loads(body))) == [Said("+16505551234", wish)]  # type: ignore[arg-type]
    meta.settings.WHATSAPP_ACCOUNTS = {"default": replace(KEYS, phone_number_id="1122334455667")}
    assert received(signed(json.loads(body))) == [], "of another number, and so perhaps of another operator"


def test_who_signs_up_elsewhere_has_not_taken_back_a_stop(meta: WhatsAppServer) -> None:
    assert posted("user_marketing_preferences/signup") == []


def test_a_real_text_was_said_to_one_number(meta: WhatsAppServer) -> None:
    assert posted("message/text") == []
    meta.settings.WHATSAPP_ACCOUNTS = {"default": replace(KEYS, phone_number_id="1122334455667")}
    assert posted("message/text") == [Said("+972987654321", "other")]


@pytest.mark.skipif(
    not SHARED.is_dir(), reason="only for kinds that we do not act on: the others stand in metas_posts.json"
)
@pytest.mark.parametrize("number", ["106540352242922", "1122334455667"])
def test_no_real_body_there_is_is_refused(meta: WhatsAppServer, number: str) -> None:
    meta.settings.WHATSAPP_ACCOUNTS = {"default": replace(KEYS, phone_number_id=number)}
    found: dict[str, list[Any]] = {}
    for path in sorted(SHARED.glob("*.json")):
        for name, content in json.loads(path.read_text()).items():
            found[f"{path.stem}/{name}"] = received(signed(content))
            assert REAL.get(f"{path.stem}/{name}", content) == content, "ours is a copy"
    assert found.keys() >= REAL.keys()
    said = [news for each in found.values() for news in each if isinstance(news, Said)]
    assert {news.wish for news in said} == ({"start"} if number == NUMBER else {"other"})
