"""A real small mail server (RFC 5321) that keeps what it gets, or misbehaves as it is told."""

import socketserver
import threading
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage


@dataclass
class MailServer:
    """``answer``: what is said to the final dot, or to RCPT where it begins so; ``hang_up``: when to drop the line.

    ``is_slow``: whether it answers each line in time for a socket's time-out, and all of them far too late.
    ``wants_login``: whether it offers log-in, which then nobody passes; ``login_answer``: what it says to who tries.
    """

    answer: str = "250 taken"
    recipient_answer: str = "250 ok"
    hang_up: str = ""
    is_slow: bool = False
    wants_login: bool = False
    login_answer: str = "535 5.7.8 wrong"
    mailbox: list[EmailMessage] = field(default_factory=list)

    def __enter__(self) -> "MailServer":
        server = self
        self.calls = self.farewells = 0
        self.released = threading.Event()
        Handler = type("Handler", (_Handler,), {"mail": server})
        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()


class _Handler(socketserver.StreamRequestHandler):
    mail: MailServer

    def handle(self) -> None:
        try:
            self.talk()
        except OSError:
            # Who called has hung up.
            pass

    def talk(self) -> None:
        self.mail.calls += 1
        if self.mail.hang_up == "greeting":
            return
        self.say("220 made-up mail")
        while line := self.rfile.readline():
            verb = line[:4].upper().decode("ascii", "replace")
            if verb == "EHLO" and self.mail.wants_login:
                self.say("250-made-up")
                self.say("250 AUTH PLAIN")
            elif verb == "AUTH":
                self.say(self.mail.login_answer)
            elif verb in ("EHLO", "HELO", "MAIL", "RSET"):
                self.say("250 ok")
            elif verb == "RCPT":
                self.say(self.mail.recipient_answer)
            elif verb == "DATA":
                self.say("354 go on")
                body = self.data()
                if self.mail.answer.startswith("250"):
                    self.mail.mailbox.append(message_from_bytes(body, policy=policy.default))  # type: ignore[arg-type]
                if self.mail.hang_up == "dot":
                    return
                self.say(self.mail.answer)
            elif verb == "QUIT":
                self.mail.farewells += 1
                self.say("221 bye")
                return

    def data(self) -> bytes:
        lines = []
        while (line := self.rfile.readline()) and line != b".\r\n":
            lines.append(line[1:] if line.startswith(b".") else line)
        return b"".join(lines)

    def say(self, text: str) -> None:
        if self.mail.is_slow:
            self.mail.released.wait(0.3)
        self.wfile.write(text.encode() + b"\r\n")
