"""Keys made for the run, DKIM and ARC signatures by dkimpy, and what dkimpy says of them later.

Nothing here asks the network: public keys are handed to dkimpy by `answer`, in place of DNS.
"""

import base64

import dkim
import nacl.encoding
import nacl.signing
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

DOMAINS = (b"tenant1.contoso.com", b"contoso.com", b"relay.example", b"list.example", b"i.example")
RSA, ED25519 = b"rsa-sha256", b"ed25519-sha256"
ARC_DOMAIN = b"relay.example"
ARC_HOST = b"mx.relay.example"


class Keys:
    """Two private keys, one of each kind, and the records that publish them for every domain: the
    selector says which key is meant."""

    def __init__(self):
        private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        signing = nacl.signing.SigningKey.generate()
        self.private = {
            RSA: private.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.TraditionalOpenSSL,
                serialization.NoEncryption(),
            ),
            ED25519: signing.encode(encoder=nacl.encoding.Base64Encoder),
        }
        published = private.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        edwards = signing.verify_key.encode(encoder=nacl.encoding.Base64Encoder)
        self.records = {
            b"rsa": b"v=DKIM1; k=rsa; p=" + base64.b64encode(published),
            b"ed": b"v=DKIM1; k=ed25519; p=" + edwards,
        }

    def answer(self, name, timeout=5):
        """What DNS would say: dkimpy's `dnsfunc`."""
        selector, _, rest = (name if isinstance(name, bytes) else name.encode()).partition(b"._domainkey.")
        assert rest.rstrip(b".") in DOMAINS
        return self.records[selector.rstrip(b"0123456789")]


class Signer(dkim.DKIM):
    """dkimpy's signer with freer writing: names in `h=` in any case, white space and folds around
    the colons, tags in any order. dkimpy itself always writes them the same way."""

    rng = None

    def gen_header(self, fields, include_headers, canon_policy, header_name, pk, standardize=False):
        # The body hash is long enough to keep b= on a line of its own, which dkimpy relies on when
        # it folds a second time with the signature put in.
        *fields, body_hash, signature = fields
        self.rng.shuffle(fields)
        fields = [self._spelled(name, value, include_headers) for name, value in fields]
        fields += [body_hash, signature]
        return super().gen_header(fields, include_headers, canon_policy, header_name, pk)

    def _spelled(self, name, value, include_headers):
        space = self.rng.choice((b"", b"", b" "))
        if name != b"h":
            return name + space, space + value
        colon = self.rng.choice((b":", b" : ", b": ", b" :\t"))
        lines, line = [], b""
        for item in include_headers:
            case = self.rng.choice((bytes.title, bytes.lower, bytes.upper, bytes.swapcase))
            line += (colon if line or lines else b"") + case(item)
            # dkimpy cuts what is longer than a line wherever that falls: fold before it does.
            if len(line) > 24:
                lines.append(line)
                line = b""
        lines.append(line)
        return name + space, space + b"\r\n\t".join(lines[:-1]) + b"\r\n " + lines[-1]


def dkim_signed(rng, keys, message, names, ending):
    """The message behind one more DKIM-Signature that covers `names`."""
    algorithm = rng.choice((RSA, RSA, ED25519))
    selector = (b"ed" if algorithm == ED25519 else b"rsa") + b"%d" % rng.randrange(100)
    domain = rng.choice(DOMAINS)
    signer = Signer(message, linesep=ending)
    signer.rng = rng
    # A signature may cover another one.
    signer.should_not_sign = set()
    field = signer.sign(
        selector,
        domain,
        keys.private[algorithm],
        signature_algorithm=algorithm,
        identity=rng.choice((None, b"john@" + domain)),
        canonicalize=(rng.choice((b"relaxed", b"simple")), rng.choice((b"relaxed", b"simple"))),
        include_headers=names,
        length=rng.random() < 0.15,
    )
    name = rng.choice((b"DKIM-Signature", b"DKIM-Signature", b"Dkim-Signature", b"dkim-signature"))
    # Simple canonicalization takes the name as it stands, so it can only be another one if it is relaxed.
    if b"c=relaxed" in field.replace(b" ", b""):
        field = name + field[len(b"DKIM-Signature") :]
    return field + message


def arc_signed(keys, message, names, ending):
    """The message behind an ARC set whose message signature covers `names`."""
    results = b"Authentication-Results: " + ARC_HOST + b"; spf=pass smtp.mailfrom=john@i.example" + ending
    signer = dkim.ARC(results + message, linesep=ending)
    fields = signer.sign(b"rsa1", ARC_DOMAIN, keys.private[RSA], ARC_HOST, include_headers=names)
    assert len(fields) == 3
    return b"".join(fields) + results + message


def dkim_verdicts(keys, message):
    """Whether each DKIM-Signature verifies, in the order they stand in."""
    reader = dkim.DKIM(message)
    count = sum(name.lower() == b"dkim-signature" for name, _ in reader.headers)
    return [_dkim_verifies(keys, message, number) for number in range(count)]


def _dkim_verifies(keys, message, number):
    try:
        return bool(dkim.DKIM(message).verify(idx=number, dnsfunc=keys.answer))
    except dkim.ValidationError:
        return False


def arc_verdicts(keys, message):
    """Whether the chain of ARC sets verifies: nothing if there is none."""
    result, _, _ = dkim.ARC(message).verify(dnsfunc=keys.answer)
    return [] if result == dkim.CV_None else [result == dkim.CV_Pass]
