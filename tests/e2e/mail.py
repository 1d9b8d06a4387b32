"""Messages: made, sent over SMTP with every octet as it is, and read where they were delivered."""

import itertools
import re
import secrets
import smtplib
import ssl
from email.utils import formatdate
from typing import NamedTuple

PORT = 2525
_numbers = itertools.count(1)


class Mail(NamedTuple):
    """A message as it goes over the wire, with CRLF."""

    octets: bytes
    message_id: str
    sender: str


def somebody(domain="example.org"):
    """An outsider who has not written before. qmgr(8) keeps the answer for the last pair of sender and recipient for 30
    seconds; so what follows a change of the map comes from somebody else."""
    return f"olivia+{next(_numbers)}@{domain}"


def compose(body="Hello,\n\nthis is a test.\n", message_id=None, sender=None, **fields):
    """A message with these fields in this order: Reply_To="…" for Reply-To, a list for a field that stands more
    than once. Message-ID, Date and Subject are added where they are missing. The sender is whom From names, where it
    is not said."""
    number = next(_numbers)
    message_id = message_id or f"<{number}.{secrets.token_hex(6)}@test.example>"
    sender = fields["From"].rpartition("<")[2].strip("<>") if sender is None else sender
    fields = {name.replace("_", "-"): values for name, values in fields.items()}
    fields = {**fields, "Message-ID": message_id}
    fields.setdefault("Date", formatdate())
    fields.setdefault("Subject", f"Test {number}")
    lines = [
        f"{name}: {value}"
        for name, values in fields.items()
        for value in (values if isinstance(values, list) else [values])
    ]
    text = "\n".join(lines) + "\n\n" + body
    return Mail(text.replace("\r\n", "\n").replace("\n", "\r\n").encode(), message_id, sender)


class Reply(NamedTuple):
    code: int
    text: str

    @property
    def enhanced(self):
        return self.text.split(" ", 1)[0]

    def __str__(self):
        return f"{self.code} {self.text}"


class Sent(NamedTuple):
    """What a server answered to the sender, to each recipient, and to the message if it came to that."""

    sender: Reply
    recipients: dict
    message: Reply | None

    @property
    def taken(self):
        return self.message is not None and self.message.code == 250

    def __str__(self):
        recipients = ", ".join(f"{recipient}: {reply}" for recipient, reply in self.recipients.items())
        return f"sender: {self.sender}; {recipients}; message: {self.message}"


class Login(NamedTuple):
    user: str
    password: str


def send(message, address, sender, recipients, *, source, port=PORT, tls=None, login=None, smtputf8=False):
    """Sends to whatever listens at an address, from the address `source`. With `tls`, a Certificate or True, the
    session is encrypted first. Recipients that are refused do not keep the others from getting theirs."""
    with Session(address, source=source, port=port, tls=tls, login=login) as session:
        return session.send(message, sender, recipients, smtputf8=smtputf8)


class Session:
    """Several messages over one connection."""

    def __init__(self, address, *, source, port=PORT, tls=None, login=None):
        self._smtp = smtplib.SMTP(address, port, "client.example", timeout=60, source_address=(source, 0))
        self._smtp.ehlo()
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            # The client is the one who is looked at here.
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            if tls is not True:
                context.load_cert_chain(tls.certificate, tls.key)
            self._smtp.starttls(context=context)
            self._smtp.ehlo()
        if login:
            self._smtp.login(login.user, login.password, initial_response_ok=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self._smtp.quit()
        except (OSError, smtplib.SMTPException):
            self._smtp.close()

    def send(self, message, sender, recipients, *, smtputf8=False):
        self._smtp.command_encoding = "utf-8" if smtputf8 else "ascii"
        reply = self._command(f"MAIL FROM:<{sender}> BODY=8BITMIME{' SMTPUTF8' if smtputf8 else ''}")
        if reply.code != 250:
            self._command("RSET")
            return Sent(reply, {}, None)
        replies = {recipient: self._command(f"RCPT TO:<{recipient}>") for recipient in recipients}
        if any(each.code == 250 for each in replies.values()):
            return Sent(reply, replies, _reply(self._smtp.data(message.octets)))
        self._command("RSET")
        return Sent(reply, replies, None)

    def _command(self, line):
        return _reply(self._smtp.docmd(line))


def _reply(answer):
    return Reply(answer[0], answer[1].decode("utf-8", "replace"))


class Delivered:
    """A message as it lies in a Maildir, with LF, and the three fields that virtual(8) put before it."""

    def __init__(self, octets):
        self.octets = octets
        self.header, _, self.body = octets.partition(b"\n\n")
        self.fields = [
            (name.decode(), value.decode("utf-8", "surrogateescape"))
            for name, value in re.findall(rb"^([!-9;-~]+)[ \t]*:[ \t]?(.*(?:\n[ \t].*)*)", self.header, re.MULTILINE)
        ]
        # virtual(8) puts them first; a message may have older ones of its own.
        self.return_path, self.delivered_to, self.original_to = (
            self.all(name)[0].strip("<>") for name in ("Return-Path", "Delivered-To", "X-Original-To")
        )
        self.message_id = (self.all("Message-ID") or [None])[0]

    def all(self, name):
        """The bodies of a field in their order, folds as they are, without the space behind the colon."""
        return [value for known, value in self.fields if known.lower() == name.lower()]

    def one(self, name):
        found = self.all(name)
        assert len(found) == 1, f"{len(found)} fields {name}:\n{self.header.decode(errors='replace')}"
        return found[0]

    @property
    def hops(self):
        """Who has put a Received field in, last one first."""
        return [re.search(r"\bby (\S+)", received)[1] for received in self.all("Received")]

    def id_at(self, hostname):
        """The queue id that a system gave it."""
        found = (re.search(rf"\bby {re.escape(hostname)} .*?\bid (\w+)", each, re.DOTALL) for each in self.all("Received"))
        return next(match[1] for match in found if match)

    def as_sent(self):
        """All behind the fields that mail systems put before it."""
        added = rb"\A(?:(?:Return-Path|X-Original-To|Delivered-To|Received):.*\n(?:[ \t].*\n)*)+"
        return re.sub(added, b"", self.octets).replace(b"\n", b"\r\n")


class Report:
    """A delivery report (RFC 3464) about one recipient."""

    def __init__(self, delivered):
        self.delivered = delivered
        text = delivered.body.decode(errors="replace")
        self.status = re.search(r"^Status: (\S+)", text, re.MULTILINE)[1]
        self.recipient = re.search(r"^Final-Recipient: \S+; ?(\S+)", text, re.MULTILINE)[1]
        original = re.search(r"^Original-Recipient: \S+; ?(\S+)", text, re.MULTILINE)
        self.original = original and original[1]
        self.diagnostic = re.search(r"^Diagnostic-Code: (.*(?:\n[ \t].*)*)", text, re.MULTILINE)[1]
