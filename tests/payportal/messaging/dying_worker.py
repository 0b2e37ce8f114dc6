"""A worker that delivers one message and is killed at the point that DIE names; its phone is a file that survives."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import django


def die(point: str) -> None:
    if os.environ.get("DIE") == point:
        os.kill(os.getpid(), signal.SIGKILL)


class FilePhone:
    """Keeps every arrival, a second copy too."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def put(self, message: Any) -> None:
        die("before the call")
        with self.path.open("a") as file:
            file.write(json.dumps(message.reference) + "\n")
        die("after the call")

    def arrived(self) -> list[str]:
        return [json.loads(line) for line in self.path.read_text().splitlines()] if self.path.exists() else []

    def holds(self, reference: str) -> bool:
        return reference in self.arrived()


def outbox(phone: FilePhone, mute: bool) -> Any:
    """The channel to that phone; ``mute``: one that can't be asked what became of a message."""
    from payportal.messaging.channels.base import CannotTell, Question
    from payportal.messaging.channels.outbox import Outbox

    class Mute(Outbox):
        def look_up(self, question: Question) -> str | None:
            raise CannotTell

    return Mute(phone) if mute else Outbox(phone)


def main() -> None:
    django.setup()
    from django.db import connection

    from payportal.messaging import channels, messages
    from payportal.messaging.models import Message
    from tests.payportal.messaging.story import NOW

    def around(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        is_claim = sql.startswith("UPDATE") and "sending" in (params or ()) and '"attempts" = ' in sql
        is_row = sql.startswith("INSERT") and "messaging_handover" in sql
        is_answer = sql.startswith("UPDATE") and '"sent_at" = ' in sql
        if is_answer:
            die("before the answer is stored")
        result = execute(sql, params, many, context)
        if is_claim:
            die("before the claim is committed")
        if is_row:
            die("before the row is committed")
        if is_answer:
            die("before the answer is committed")
        return result

    channels.register(outbox(FilePhone(Path(os.environ["PHONE"])), mute=bool(os.environ.get("MUTE"))))
    with connection.execute_wrapper(around):
        messages.deliver(Message.objects.get().pk, NOW)
    die("after all")


if __name__ == "__main__":
    main()
