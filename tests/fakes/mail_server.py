"""A mail server on localhost that speaks SMTP and keeps what it is given."""

import re
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage

ARRIVES_WITHIN_S = 20.0
ANSWERS = {b"EHLO": "250 fake", b"HELO": "250 fake", b"QUIT": "221 bye"}
CODE = re.compile(r"^([A-Z0-9]{4}-[A-Z0-9]{4})\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Mail:
    to: str
    subject: str
    text: str

    @property
    def code(self) -> str:
        """The code that the mail asks to enter."""
        found = CODE.search(self.text)
        assert found is not None, self.text
        return found[1]


class MailServer:
    """Every mail that arrived, in order; `newest_to` waits for one."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.mails: list[Mail] = []
        self._arrival = threading.Condition()

    def keep(self, recipients: list[str], content: bytes) -> None:
        message = message_from_bytes(content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        body = message.get_body(("plain",))
        text = body.get_content() if body is not None else ""
        with self._arrival:
            self.mails += [Mail(to, str(message["Subject"]), text) for to in recipients]
            self._arrival.notify_all()

    def newest_to(self, address: str, *, about: str) -> Mail:
        """The newest mail to `address` whose subject contains `about`."""
        deadline = time.monotonic() + ARRIVES_WITHIN_S
        with self._arrival:
            while True:
                for mail in reversed(self.mails):
                    if mail.to == address and about in mail.subject.lower():
                        return mail
                left = deadline - time.monotonic()
                assert left > 0, f"no mail to {address} about {about}: {self.mails}"
                self._arrival.wait(left)


class _Listener(socketserver.ThreadingTCPServer):
    daemon_threads = True
    mail_server: MailServer


class _Conversation(socketserver.StreamRequestHandler):
    """One client's SMTP (RFC 5321), as far as a client without extensions goes."""

    server: _Listener

    def handle(self) -> None:
        self._say("220 fake")
        recipients: list[str] = []
        while line := self.rfile.readline():
            verb = line[:4].upper()
            if verb == b"RCPT":
                recipients.append(line.decode().partition("<")[2].partition(">")[0])
            if verb == b"DATA":
                self._say("354 go on")
                self.server.mail_server.keep(recipients, self._content())
                recipients = []
            self._say(ANSWERS.get(verb, "250 ok"))
            if verb == b"QUIT":
                return

    def _content(self) -> bytes:
        lines = iter(self.rfile.readline, b".\r\n")
        return b"".join(line[1:] if line.startswith(b".") else line for line in lines)

    def _say(self, answer: str) -> None:
        self.wfile.write(f"{answer}\r\n".encode())


@contextmanager
def mail_server() -> Iterator[MailServer]:
    """Serve on a free port of 127.0.0.1 while the block runs."""
    with _Listener(("127.0.0.1", 0), _Conversation) as listener:
        port = listener.server_address[1]
        listener.mail_server = MailServer(f"smtp://127.0.0.1:{port}")
        thread = threading.Thread(target=listener.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield listener.mail_server
        finally:
            listener.shutdown()
            thread.join()
