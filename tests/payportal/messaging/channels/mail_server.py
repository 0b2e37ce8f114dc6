"""A real small mail server (RFC 5321) that keeps what it gets, or misbehaves as it is told."""

import socketserver
import threading
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage


@dataclass
class MailServer:
    """``answer``: what is said to the final dot, or to RCPT where it begins so; ``hang_up``: when to drop the line."""

    answer: str = "250 taken"
    recipient_answer: str = "250 ok"
    hang_up: str = ""
    mailbox: list[EmailMessage] = field(default_factory=list)

    def __enter__(self) -> "MailServer":
        server = self
        Handler = type("Handler", (_Handler,), {"mail": server})
        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(socketserver.StreamRequestHandler):
    mail: MailServer

    def handle(self) -> None:
        if self.mail.hang_up == "greeting":
            return
        self.say("220 made-up mail")
        while line := self.rfile.readline():
            verb = line[:4].upper().decode("ascii", "replace")
            if verb in ("EHLO", "HELO", "MAIL", "RSET"):
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
                self.say("221 bye")
                return

    def data(self) -> bytes:
        lines = []
        while (line := self.rfile.readline()) and line != b".\r\n":
            lines.append(line[1:] if line.startswith(b".") else line)
        return b"".join(lines)

    def say(self, text: str) -> None:
        self.wfile.write(text.encode() + b"\r\n")
