"""A mail system: a Postfix of its own on one loopback address, with mailboxes, forwards and routes.

Nothing outside its folder is read or written but the installed programs. What it knows (who has a mailbox, who
is forwarded, where other domains' mail goes) are attributes that a test may change at any time; see tables.py.

    folder/main.cf, master.cf    its configuration
    folder/log                   its log
    folder/queue                 its queue
    folder/mail                  one Maildir for all its mailboxes: Delivered-To says whose a message is

inet_interfaces has to stay 127.0.0.1, and the listener's address to stand in master.cf: told otherwise, Postfix
ends without a word in any log of ours.
"""

import os
import pwd
import re
import signal
import smtplib
import subprocess
from pathlib import Path

import mail
from process import Process, eventually

DAEMONS = Path("/usr/lib/postfix/sbin")
COMMANDS = Path("/usr/sbin")
PORT = 2525
MAILBOX_USER = "nobody"
# What every system has in main.cf.
COMMON = {
    "compatibility_level": "3.6",
    "daemon_directory": DAEMONS,
    "command_directory": COMMANDS,
    "shlib_directory": "/usr/lib/postfix",
    "mail_owner": "postfix",
    "setgid_group": "postdrop",
    "sendmail_path": "/usr/sbin/sendmail",
    "newaliases_path": "/usr/bin/newaliases",
    "mailq_path": "/usr/bin/mailq",
    "inet_interfaces": "127.0.0.1",
    "inet_protocols": "ipv4",
    "smtpd_peername_lookup": "no",
    "mydestination": "",
    "local_recipient_maps": "",
    "alias_maps": "",
    "alias_database": "",
    "recipient_delimiter": "+",
    "local_header_rewrite_clients": "",
    # As fast as the machine is, however many wrong commands or sessions a test needs, and soon again.
    "smtp_connection_cache_on_demand": "no",
    "smtp_connect_timeout": "5",
    "smtpd_error_sleep_time": "0",
    "smtpd_soft_error_limit": "1000",
    "smtpd_hard_error_limit": "1000",
    "smtpd_client_connection_count_limit": "0",
    "smtpd_client_connection_rate_limit": "0",
    "in_flow_delay": "0",
    "queue_run_delay": "1",
    "minimal_backoff_time": "1",
    "maximal_backoff_time": "2",
    "transport_retry_time": "1",
    "notify_classes": "",
}
MASTER = """\
{address}:{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
smtp unix - - {chroot} - - smtp
relay unix - - {chroot} - - smtp
virtual unix - n n - - virtual -o virtual_mailbox_maps=static:mail/
tlsmgr unix - - n 1000? 1 tlsmgr
postlog unix-dgram n - n - 1 postlogd
"""
QUEUES = "active bounce corrupt defer deferred flush hold incoming maildrop pid private public saved trace".split()


class Host:
    """`domains` are those that it is final for, as "a.example", "*.a.example" (that and all below) or "*";
    `mailboxes` are addresses; in the domains `everybody` each address is a mailbox. Of the domains it `shares`, it has
    some mailboxes, and all others are elsewhere, by its routes.

    `forwards` leads from an address to others, `routes` from a domain (the same three forms, most special first)
    to a next hop. Mail for elsewhere is taken from the systems it `trusts` and from its own people, who have
    the address `people`. `settings` are further lines of main.cf.
    """

    # Whether smtp(8) asks the DNS of the test's internet.
    asks_dns = False

    def __init__(
        self, network, name, *, domains=(), shares=(), mailboxes=(), everybody=(), forwards=None, routes=None, trusts=(),
        server_name=None, client_name=None, settings=None,
    ):  # fmt: skip
        self.network, self.name = network, name
        self.address, self.people = network.address(name), network.address(f"people of {name}")
        self.hostname = server_name or f"{name}.host.example"
        self.domains, self.shares = set(domains), set(shares)
        self.mailboxes, self.everybody = set(mailboxes), set(everybody)
        self.forwards, self.routes = dict(forwards or {}), dict(routes or {})
        self.refused = set()
        self._trusts = [network.address(system) for system in trusts]
        self._certificates = (server_name, client_name)
        self.settings = dict(settings or {})
        self.folder = network.folder / name
        self._master = None
        self._read = {}

    def configure(self):
        """Writes its configuration."""
        self.folder.mkdir()
        self.folder.chmod(0o755)
        lines = {**self.main_cf(), **self.settings}
        (self.folder / "main.cf").write_text("".join(f"{name} = {value}\n" for name, value in lines.items()))
        (self.folder / "master.cf").write_text(self.master_cf())
        postfix, mailboxes = (pwd.getpwnam(user).pw_uid for user in ("postfix", MAILBOX_USER))
        for name in ("queue", *(f"queue/{queue}" for queue in QUEUES), "data", "mail"):
            (self.folder / name).mkdir(mode=0o755)
            if name not in ("queue", "queue/pid"):
                os.chown(self.folder / name, mailboxes if name == "mail" else postfix, -1)
        if self.asks_dns:
            (self.folder / "queue/etc").mkdir()
            (self.folder / "queue/etc/resolv.conf").write_text(
                f"nameserver {self.network.names.address}\noptions timeout:1 attempts:2\n"
            )
        self._master = Process(self.folder, "master", [DAEMONS / "master", "-c", self.folder, "-d"])

    def main_cf(self):
        """The lines of main.cf, by name."""
        user = pwd.getpwnam(MAILBOX_USER)
        return {
            **COMMON,
            "queue_directory": self.folder / "queue",
            "data_directory": self.folder / "data",
            "meta_directory": self.folder,
            "maillog_file": self.folder / "log",
            "maillog_file_prefixes": self.folder,
            "myhostname": self.hostname,
            "smtp_bind_address": self.address,
            "disable_dns_lookups": "no" if self.asks_dns else "yes",
            "mynetworks": " ".join(f"{address}/32" for address in [*self._trusts, self.people]),
            "relay_domains": "",
            "smtpd_relay_restrictions": "permit_mynetworks, reject_unauth_destination",
            "virtual_mailbox_domains": self._table("domains", self._is_final_for),
            "virtual_mailbox_maps": self._table("mailboxes", self._has_mailbox),
            "virtual_mailbox_base": self.folder,
            "virtual_uid_maps": f"static:{user.pw_uid}",
            "virtual_gid_maps": f"static:{user.pw_gid}",
            "virtual_alias_maps": self._table("forwards", self._forward),
            "transport_maps": self._table("routes", self._route),
            **self._tls(),
        }

    def _table(self, name, answer):
        return self.network.tables.add(f"{self.name}.{name}", answer)

    def _tls(self):
        server, client = self._certificates
        if not (server or client):
            return {}
        authority = self.network.authority
        server, client = (authority.certificate(name) for name in (server or client, client or server))
        return {
            "smtpd_tls_security_level": "may",
            "smtpd_tls_cert_file": server.certificate,
            "smtpd_tls_key_file": server.key,
            "smtpd_tls_CAfile": authority.root.certificate,
            "smtpd_tls_ask_ccert": "yes",
            "smtpd_tls_received_header": "yes",
            "smtp_tls_security_level": "may",
            "smtp_tls_cert_file": client.certificate,
            "smtp_tls_key_file": client.key,
            "smtp_tls_CAfile": authority.root.certificate,
            "smtp_tls_loglevel": "1",
        }

    def master_cf(self):
        return MASTER.format(address=self.address, port=PORT, chroot="y" if self.asks_dns else "n")

    def start(self):
        """Starts it, and does not wait for it."""
        self._master.start()

    def await_start(self):
        def answers():
            if not self._master.runs():
                raise AssertionError(f"{self.name} ended\n{self._master.log()}{self.log()}")
            try:
                return smtplib.SMTP(self.address, PORT, timeout=10, source_address=(self.people, 0)).quit()
            except OSError:
                return None

        eventually(answers, lambda: f"{self.name} does not answer\n{self._master.log()}{self.log()}")

    def stop(self):
        if self._master:
            self._master.stop()

    def reload(self):
        """After a change of main.cf or master.cf."""
        self._master.signal(signal.SIGHUP)

    # What it knows. A socketmap is asked once about each address, whole, with its subaddress.

    def _is_final_for(self, domain):
        return "yes" if _match(self.domains, domain) else None

    def _has_mailbox(self, address):
        plain, domain = _plain(address)
        if plain in self.refused:
            return None
        return "mail/" if plain in self.mailboxes or _match(self.everybody, domain) else None

    def _forward(self, address):
        targets = self.forwards.get(_plain(address)[0])
        return ", ".join(targets) if targets else None

    def _route(self, address):
        plain, domain = _plain(address)
        if domain in self.shares and plain in self.mailboxes:
            return "virtual:"
        # Where there is no answer for an address, "*" is asked for.
        if "@" not in address or _match(self.domains, domain):
            return None
        way = _match(self.routes, domain)
        return f"smtp:{self.routes[way]}" if way else f"error:5.1.2 {self.name} knows no way to {domain}"

    # What has become of mail.

    def inbox(self, message=None, to=None, sender=None):
        """The messages that arrived, oldest first: those with the Message-ID of `message` in their fields, for the
        mailbox `to`, with the reverse-path `sender`."""
        return [
            delivered
            for delivered in self._arrived()
            if (message is None or delivered.message_id == message.message_id)
            and (to is None or delivered.delivered_to == to)
            and (sender is None or delivered.return_path == sender)
        ]

    def _arrived(self):
        try:
            names = os.listdir(self.folder / "mail/new")
        except FileNotFoundError:
            names = []
        for name in sorted(set(names) - self._read.keys()):
            self._read[name] = mail.Delivered((self.folder / "mail/new" / name).read_bytes())
        return list(self._read.values())

    def await_mail(self, message=None, to=None, sender=None, seconds=20):
        """The one message that is looked for, when it has arrived."""
        what = f"{message and message.message_id} for {to or 'anybody'} at {self.name}"
        found = eventually(lambda: self.inbox(message, to, sender), what, seconds)
        assert len(found) == 1, f"{len(found)} times: {what}"
        return found[0]

    def await_report(self, message, to=None, seconds=30):
        """The delivery report about a message, when it has arrived here, for its sender if nobody else is said."""
        to = to or message.sender

        def reports():
            return [report for report in self.inbox(to=to, sender="") if message.message_id.encode() in report.octets]

        found = eventually(reports, f"a report about {message.message_id} for {to} at {self.name}", seconds)
        assert len(found) == 1, f"{len(found)} reports about {message.message_id}"
        return mail.Report(found[0])

    def queue(self):
        """The queue files of messages that are here and not yet elsewhere."""
        root, found = self.folder / "queue", []
        for queue in ("maildrop", "incoming", "active", "deferred", "hold"):
            for _, _, files in os.walk(root / queue):
                found += files
        return found

    def drop_queue(self):
        subprocess.run(
            [COMMANDS / "postsuper", "-c", self.folder, "-d", "ALL"], check=True, capture_output=True, timeout=30
        )

    def log(self):
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def await_log(self, pattern, seconds=20):
        """A match of a pattern in the log, when it is there."""
        pattern = re.compile(pattern, re.MULTILINE)
        return eventually(lambda: pattern.search(self.log()), f"{pattern.pattern!r} in the log of {self.name}", seconds)

    def logs(self):
        """Everything there is to read when a test fails: name, text."""
        return [(self.name, self.log())]


def _match(patterns, domain):
    """The pattern, of those in an iterable or the keys of a dictionary, that names a domain most closely."""
    if domain in patterns:
        return domain
    above = domain
    while above:
        if f"*.{above}" in patterns:
            return f"*.{above}"
        above = above.partition(".")[2]
    return "*" if "*" in patterns else None


def _plain(address):
    """An address without its subaddress, and its domain; in lower case."""
    local, _, domain = address.lower().rpartition("@")
    return f"{local.partition('+')[0]}@{domain}", domain

