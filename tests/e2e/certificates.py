"""An authority of the test's own, and certificates by it, made with openssl(1)."""

import subprocess
from pathlib import Path
from typing import NamedTuple

KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-batch")


class Certificate(NamedTuple):
    certificate: Path
    key: Path


class Authority:
    """Makes itself when it is made; a certificate for a name when it is first asked for."""

    def __init__(self, folder, name="authority.example"):
        self._folder, self._made = Path(folder), {}
        self._folder.mkdir(parents=True)
        self.root = self._sign(name, "-addext", "basicConstraints=critical,CA:TRUE")

    def certificate(self, name):
        if name not in self._made:
            by = ("-CA", self.root.certificate, "-CAkey", self.root.key)
            self._made[name] = self._sign(name, *by, "-addext", f"subjectAltName=DNS:{name}")
        return self._made[name]

    def _sign(self, name, *how):
        made = Certificate(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        files = ("-out", made.certificate, "-keyout", made.key)
        command = ["openssl", "req", "-x509", *KEY, "-subj", f"/CN={name}", *files, *how]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30)
        if done.returncode:
            raise RuntimeError(f"openssl: {done.stderr}")
        return made
