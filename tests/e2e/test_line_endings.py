"""Line endings that servers disagree about, around the end of the header section and of the body: whatever a client
writes, no more messages leave the gateway than were sent to it (SMTP smuggling: CVE-2023-51764 and its like).

The matrix has all 243 texts of five characters out of CR, LF and the dot, at three places each, and behind each of
them the commands and the text of another message.
"""

import itertools
import re
import socket
from concurrent.futures import ThreadPoolExecutor

import plans
from gateway import Gateway
from scenario import Scenario

PORT = 2525
SEQUENCES = ["".join(characters) for characters in itertools.product("\r\n.", repeat=5)]
HEAD = "From: Somebody <user1@tenant1.contoso.com>\r\nTo: someone@example.net\r\nMessage-ID: <{mark}@test.example>"
PLACES = {"end of a field": HEAD, "end of the header": HEAD + "\r\n", "body": HEAD + "\r\n\r\ntext"}
SMUGGLED = (
    "MAIL FROM:<user1@tenant1.contoso.com>\r\nRCPT TO:<someone@example.net>\r\nDATA\r\n"
    "From: user1@tenant1.contoso.com\r\nMessage-ID: <{mark}@smuggled.example>\r\n\r\nsmuggled\r\n"
)
END = "\r\n.\r\n"
PLAN = """\
[plan]
name = "line-endings"

[[rewrite.entry]]
internal = "user1@tenant1.contoso.com"
external = "user.one@contoso.com"

[[accepted-domain]]
domain = "tenant1.contoso.com"
type = "internal-relay"
"""


class LineEndings(Scenario):
    @classmethod
    def build(cls, net):
        # One that is as lenient as they come.
        cls.internet = net.internet(settings={"smtpd_forbid_bare_newline": "no"})
        cls.gateway = net.add(Gateway(net, trusts=["tenant"]))
        cls.plan = net.folder / "plan.toml"
        cls.plan.write_text((PLAN + plans.LISTENERS).format(tenant=net.address("tenant")))

    def test_no_message_leaves_that_was_not_sent(self):
        self.gateway.publish(self.plan)
        sent, taken = self.send_all("gateway", self.gateway)
        arrived = self.arrivals("gateway", len(sent))
        self.assertEqual({mark: arrived[mark] for mark in sent if arrived[mark] > sent[mark]}, {})
        # What was taken is there; and it is no merit of a server that takes nothing.
        self.assertEqual(sum(arrived.values()), taken)
        self.assertGreater(taken, len(sent) * 0.9)
        inside = [each.octets for each in self.internet.inbox() if b"gateway" in each.message_id.encode()
                  and ("tenant1" in each.return_path or any("tenant1" in each_from for each_from in each.all("From")))]  # fmt: skip
        self.assertEqual(inside, [])
        print(f"{len(sent)} texts, {sum(sent.values())} messages sent, {sum(arrived.values())} arrived", flush=True)

    def test_the_matrix_finds_a_server_that_can_be_fooled(self):
        sent, _ = self.send_all("lenient", self.internet)
        arrived = self.arrivals("lenient", len(sent))
        self.assertGreater(sum(1 for mark in sent if arrived[mark] > sent[mark]), 10)

    def send_all(self, name, host):
        """Sends the matrix. For each mark, how many messages a server that goes by RFC 5321 4.1.1.4 reads; and how
        many this one took."""
        texts = {}
        for place, (_, head) in enumerate(PLACES.items()):
            for number, sequence in enumerate(SEQUENCES):
                mark = f"{name}-{place}-{number}"
                texts[mark] = head.format(mark=mark) + sequence + SMUGGLED.format(mark=mark)
        with ThreadPoolExecutor(4) as pool:
            replies = list(pool.map(lambda text: self.talk(host, text), texts.values()))
        # Nobody was turned away before the message.
        self.assertEqual([reply for reply in replies if b"\r\n354 " not in reply], [])
        taken = sum(reply.count(b" queued as ") for reply in replies)
        return {mark: 1 + text.count(END) for mark, text in texts.items()}, taken

    def talk(self, host, text):
        """One session. Whatever stands behind the end of the message is there before the server answers."""
        source = (self.net.address("tenant"), 0)
        with socket.create_connection((host.address, PORT), 30, source) as connection:
            reader = connection.makefile("rb")
            said = reader.readline()
            for command in ("EHLO client.example", "MAIL FROM:<user1@tenant1.contoso.com>",
                            "RCPT TO:<someone@example.net>", "DATA"):  # fmt: skip
                connection.sendall(f"{command}\r\n".encode())
                while True:
                    line = reader.readline()
                    said += line
                    if line[3:4] != b"-":
                        break
            connection.sendall((text + END + "QUIT\r\n").encode())
            return said + reader.read()

    def arrivals(self, name, count):
        """How many messages arrived of each mark, when all have."""
        self.net.settle(60)
        arrived = dict.fromkeys((f"{name}-{p}-{n}" for p in range(len(PLACES)) for n in range(len(SEQUENCES))), 0)
        for each in self.internet.inbox():
            # Of a message whose header was cut short, the mark is in the body.
            marks = re.findall(rb"<(%b-\d-\d+)@(?:test|smuggled)\.example>" % name.encode(), each.octets)
            if marks:
                arrived[marks[0].decode()] += 1
        return arrived
