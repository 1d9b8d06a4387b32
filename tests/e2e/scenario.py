"""What the tests of all scenarios have in common: the systems run as long as the class's tests, and a test that
fails says what every system has logged since it began."""

import os
import tempfile
import time
import unittest
from pathlib import Path

import mail
from network import Network

# The folder of the run, which scripts/e2e.sh empties.
FOLDER = Path(os.environ.get("READDRESS_E2E_FOLDER") or tempfile.gettempdir())
LOG_LINES = 150


class Scenario(unittest.TestCase):
    """A class's `build` adds systems to `net`; then they are started."""

    @classmethod
    def setUpClass(cls):
        cls.net = Network(FOLDER / f"{cls.__name__}-{os.getpid()}-{time.monotonic_ns()}")
        cls.addClassCleanup(cls.net.close)
        cls.build(cls.net)
        try:
            cls.net.start()
        except BaseException:
            print(_shown(cls.net.logs()))
            raise

    @classmethod
    def build(cls, net):
        raise NotImplementedError

    def setUp(self):
        self._seen = {name: len(text) for name, text in self.net.logs()}

    def tearDown(self):
        # Nothing of one test is to be met by the next.
        for host in self.net.hosts.values():
            if host.queue():
                host.drop_queue()

    def logs(self):
        """What was logged since the test began."""
        return _shown((name, text[self._seen.get(name, 0) :]) for name, text in self.net.logs())

    def send(self, message, host, recipients, by="stranger", **how):
        """Sends to a system, from the address of the system or client `by`; all recipients are to be taken."""
        sent = self.offer(message, host, recipients, by, **how)
        replies = sent.recipients.values()
        self.assertTrue(sent.taken and all(reply.code == 250 for reply in replies), str(sent))
        return message

    def offer(self, message, host, recipients, by="stranger", **how):
        """The same, where something may be refused. `by="people of NAME"` are that system's own people."""
        recipients = [recipients] if isinstance(recipients, str) else recipients
        return mail.send(message, host.address, message.sender, recipients, source=self.net.address(by), **how)

    def write(self, host, *recipients, sender=None, by="stranger", fields=None, **how):
        """Sends a message to recipients whom it names: from somebody outside, or as is said."""
        message = mail.compose(From=sender or mail.somebody(), To=", ".join(recipients), **(fields or {}))
        return self.send(message, host, recipients, by, **how)

    def assert_refused(self, host, recipient, code, enhanced, sender=None, by="stranger", **how):
        """A message that one recipient alone is to get, and doesn't."""
        sent = self.offer(mail.compose(From=sender or mail.somebody(), To=recipient), host, recipient, by, **how)
        reply = sent.recipients[recipient]
        self.assertEqual((reply.code, reply.enhanced, sent.message), (code, enhanced, None), str(sent))


def _shown(logs):
    shown = []
    for name, text in logs:
        lines = text.splitlines()
        if lines:
            left_out = f" (the last {LOG_LINES} of {len(lines)} lines)" if len(lines) > LOG_LINES else ""
            shown += ["", f"---- {name}{left_out}", *lines[-LOG_LINES:]]
    return "\n".join(shown)


class Result(unittest.TextTestResult):
    """Says beside each failure what the systems logged, and how long each test took."""

    def startTest(self, test):
        self._began = time.monotonic()
        super().startTest(test)

    def addSuccess(self, test):
        unittest.TestResult.addSuccess(self, test)
        self.stream.writeln(f"ok ({time.monotonic() - self._began:.1f} s)")

    def addError(self, test, err):
        super().addError(test, err)
        self._add_logs(self.errors, test)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._add_logs(self.failures, test)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self._add_logs(self.failures if issubclass(err[0], test.failureException) else self.errors, test)

    def _add_logs(self, found, test):
        if isinstance(test, Scenario):
            found[-1] = (found[-1][0], f"{found[-1][1]}\n{test.logs()}")

    def getDescription(self, test):
        return str(test)
