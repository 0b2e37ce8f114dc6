"""Postmark as its documentation describes it (https://postmarkapp.com/developer): one of the mail services that
django-anymail knows. It signs nothing: whoever calls has the name and password that stand in the address it was given.
"""

import base64
import json
from typing import Any

from tests.payportal.messaging.channels.far_sides import CALLBACK, HANDOVER, Asked, CarrierServer, Posted, Reply, State

TOKEN = "a-made-up-server-token"
SECRET = "payportal:a-made-up-secret"
RECIPIENT = "a@b.example"


class PostmarkServer(CarrierServer):
    """``POST /email``; an ErrorCode other than 0 comes with the status 422."""

    to = RECIPIENT
    signs_body = False
    hears = False
    states = ("delivered", "read", "undelivered")

    def __init__(self, code: str, settings: Any) -> None:
        super().__init__(code, settings)
        self.mails: list[dict[str, Any]] = []
        self.refused_with: dict[str, Any] = {}

    def arrived(self) -> list[str]:
        return [mail["TextBody"] for mail in self.mails]

    def use(self, base: str) -> None:
        self.settings.EMAIL_BACKEND = "anymail.backends.postmark.EmailBackend"
        self.set(POSTMARK_API_URL=base, POSTMARK_SERVER_TOKEN=TOKEN, WEBHOOK_SECRET=SECRET)

    def set(self, **changes: Any) -> None:
        self.settings.ANYMAIL = {**self.settings.ANYMAIL, **changes}

    def lose_keys(self) -> None:
        self.set(POSTMARK_SERVER_TOKEN="another-token", WEBHOOK_SECRET="another:secret")

    def drop_webhook_keys(self) -> None:
        self.set(WEBHOOK_SECRET="")

    def error(self, status: int) -> Any:
        return {"ErrorCode": 10, "Message": f"Something is wrong with {RECIPIENT}."}

    def refuse_number(self) -> None:
        text = f"Found inactive addresses: {RECIPIENT}. Inactive recipients are ones that have generated a hard bounce."
        self.refused_with = {"ErrorCode": 406, "Message": text}

    def answer(self, asked: Asked) -> Reply:
        if asked.headers.get("X-Postmark-Server-Token") != TOKEN:
            return Reply(401, self.error(401))
        if self.refused_with:
            return Reply(422, self.refused_with)
        self.mails.append(asked.json)
        mark = f"00000000-0000-0000-0000-{len(self.mails):012}"
        return Reply(200, {"To": RECIPIENT, "MessageID": mark, "ErrorCode": 0, "Message": "OK"})

    def receipt(self, state: State) -> Posted:
        events = {
            "delivered": {"RecordType": "Delivery", "Recipient": RECIPIENT},
            "read": {"RecordType": "Open", "Recipient": RECIPIENT},
            "undelivered": {"RecordType": "Bounce", "Type": "HardBounce", "Email": RECIPIENT},
        }
        return self.posted({**events[state], "MessageID": "known", "Metadata": {"handover": HANDOVER}})

    def said(self, text: str) -> Posted:
        """A reply goes to a mailbox, not to us; what comes here is a complaint."""
        return self.posted({"RecordType": "SpamComplaint", "Type": "SpamComplaint", "Email": RECIPIENT})

    def posted(self, event: dict[str, Any]) -> Posted:
        proof = "Basic " + base64.b64encode(SECRET.encode()).decode()
        headers = {"Content-Type": "application/json", "Authorization": proof}
        return Posted(f"{CALLBACK}/email/default", headers, json.dumps(event).encode())
