"""A copy of an example's folder, with the addresses of the test's systems for those in it, which a test may spoil.

Host names stay what they are, and the test's DNS knows them; their port becomes the test's. Networks become the
address of one system. A listener is added for the gateway itself, whose delivery reports are mail of ours.
"""

import csv
import json
import re
import shutil
from pathlib import Path

from gateway import run
from host import PORT

EXAMPLES = Path(__file__).parents[2] / "examples"
# What Postfix says of mail that did not come in over SMTP: non_smtpd_milters, postconf(5).
ITSELF = """\
[[listener]]
name = "The gateway itself"
client-ip = ["127.0.0.1"]
trusted = true

"""
# Everybody else.
OTHERS = """\
[[listener]]
name = "Internet"

"""

# A tenant, the gateway itself, and everybody else.
LISTENERS = (
    """
[[listener]]
name = "Tenant"
client-ip = ["{tenant}", "127.0.0.1"]
trusted = true

"""
    + OTHERS
)


class Example:
    """`hosts` are the hosts in the plans, names or addresses, with the systems that they are here, and `networks`
    the networks, with the systems that are in them."""

    def __init__(self, network, name, hosts=None, networks=None):
        self._network, self._name = network, name
        self._hosts, self._networks = hosts or {}, networks or {}
        self.folder = _fresh(network.folder, name)
        for file in (EXAMPLES / name).iterdir():
            if file.suffix in (".toml", ".csv", ".eml"):
                shutil.copy(file, self.folder)
        used = set()
        for path in self.folder.glob("*.toml"):
            path.write_text(self._localised(path.read_text(), used))
        unused = {*self._hosts, *self._networks} - used
        assert not unused, f"{name} has no {unused}"
        for host, system in self._hosts.items():
            if not _is_address(host):
                network.names.addresses[host] = network.address(system)

    def _localised(self, text, used):
        for host, system in self._hosts.items():
            name = self._network.address(system) if _is_address(host) else host
            text, count = re.subn(rf'"(\[?){re.escape(host)}(\]?):25"', rf'"\g<1>{name}\g<2>:{PORT}"', text)
            used |= {host} if count else set()
        for net, systems in self._networks.items():
            used |= {net} if f'"{net}"' in text else set()
            addresses = [self._network.address(system) for system in systems]
            text = text.replace(f'"{net}"', ", ".join(f'"{address}"' for address in addresses))
        assert ':25"' not in text, "a host that is not one of the test's"
        return text.replace("[[listener]]", ITSELF + "[[listener]]", 1)

    def copy(self):
        """Another one, to be spoiled."""
        other = object.__new__(Example)
        other.__dict__ = {**self.__dict__, "folder": _fresh(self._network.folder, self._name)}
        shutil.copytree(self.folder, other.folder, dirs_exist_ok=True)
        return other

    def replacing(self, file, old, new):
        """A copy where a text that stands in a file exactly once is another."""
        other = self.copy()
        text = (other.folder / file).read_text()
        assert text.count(old) == 1, f"{text.count(old)} times in {file}: {old}"
        (other.folder / file).write_text(text.replace(old, new))
        return other

    def adding(self, file, *lines):
        """A copy with more lines at the end of a file."""
        other = self.copy()
        with open(other.folder / file, "a") as text:
            text.write("".join(f"{line}\n" for line in lines))
        return other

    def without_systems(self):
        """A copy whose plans say nothing of other systems. So `check` can't know what these do: what it would have
        refused can be compiled, and be seen on live servers."""
        other = self.copy()
        for path in other.folder.glob("*.toml"):
            path.write_text(path.read_text().partition("\n[[system]]")[0] + "\n")
        return other

    def with_limit(self, received):
        """A copy whose plans take a message for a loop after fewer hops."""
        other = self.copy()
        for path in other.folder.glob("*.toml"):
            text = path.read_text()
            if "[limits]\n" in text:
                text = text.replace("[limits]\n", f"[limits]\nreceived = {received}\n")
            else:
                text = text.replace("\n[[", f"\n[limits]\nreceived = {received}\n\n[[", 1)
            path.write_text(text)
        return other

    def plan(self, file):
        return self.folder / file

    def table(self, file):
        """The rows of a table without the first, as lists of cells."""
        return read_table(self.folder / file)

    def check(self, file):
        """What `check` says: for each error and warning "code file:line witness > witness"; what is proved."""
        found = json.loads(run("check", self.folder / file, "--format", "json").stdout)
        return [_line(each) for each in found["errors"] + found["warnings"]], found["proved"]

    def found(self, file):
        return self.check(file)[0]

    def is_refused(self, file):
        """Whether `compile` gives no map for it."""
        target = self.folder / "refused.map"
        return run("compile", self.folder / file, "-o", target).returncode == 65 and not target.exists()


def read_table(path):
    with open(path, newline="") as text:
        return [[cell.strip() for cell in row] for row in list(csv.reader(text, skipinitialspace=True))[1:]]


def mailboxes(name, *files):
    """The first column of tables of an example: who is there."""
    return {row[0] for file in files for row in read_table(EXAMPLES / name / file)}


def forwards(name, *files):
    """What tables of an example forward: from each address to all of its targets."""
    found = {}
    for file in files:
        for mailbox, target in read_table(EXAMPLES / name / file):
            found.setdefault(mailbox, []).append(target)
    return found


def _line(found):
    place = found["at"][0]
    witness = " > ".join(found.get("witness", []))
    return f"{found['code']} {Path(place['file']).name}:{place['line']} {witness}".strip()


def _is_address(host):
    return host.replace(".", "").isdigit()


def _fresh(folder, name):
    number = len(list(folder.glob(f"{name}-*")))
    fresh = folder / f"{name}-{number}"
    fresh.mkdir()
    return fresh
