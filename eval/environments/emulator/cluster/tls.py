"""A throw-away server certificate, because clients send tokens over TLS only.

Self-signed for the loopback, P-256, made with the standard library; it protects nothing but
the identities of an emulated cluster.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import ssl
import tempfile
from pathlib import Path

_P = 2**256 - 2**224 + 2**192 + 2**96 - 1
_N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)
_Point = tuple[int, int] | None

_ECDSA_SHA256 = "1.2.840.10045.4.3.2"
_EC_PUBLIC_KEY = "1.2.840.10045.2.1"
_P256 = "1.2.840.10045.3.1.7"


def make_certificate() -> tuple[str, str]:
    """Return (certificate, key) in PEM for 127.0.0.1 and localhost."""
    secret = secrets.randbelow(_N - 1) + 1
    public = _multiply(secret, _G)
    assert public is not None
    point = b"\x04" + public[0].to_bytes(32, "big") + public[1].to_bytes(32, "big")
    body = _to_be_signed(point)
    signature = _sign(secret, body)
    algorithm = _sequence(_oid(_ECDSA_SHA256))
    certificate = _sequence(body, algorithm, _bits(signature))
    key = _sequence(
        _integer(1),
        _tag(0x04, secret.to_bytes(32, "big")),
        _tag(0xA0, _oid(_P256)),
        _tag(0xA1, _bits(point)),
    )
    return _pem("CERTIFICATE", certificate), _pem("EC PRIVATE KEY", key)


def server_context(certificate: str, key: str) -> ssl.SSLContext:
    """Return the server's TLS context."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # the ssl module reads certificates from files only
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "server.pem"
        path.touch(mode=0o600)
        path.write_text(certificate + key)
        context.load_cert_chain(path)
    return context


def _to_be_signed(point: bytes) -> bytes:
    name = _sequence(_tag(0x31, _sequence(_oid("2.5.4.3"), _tag(0x0C, b"kubernetes"))))
    validity = _sequence(_tag(0x17, b"200101000000Z"), _tag(0x17, b"491231235959Z"))
    public_key = _sequence(_sequence(_oid(_EC_PUBLIC_KEY), _oid(_P256)), _bits(point))
    identifier = hashlib.sha256(point).digest()[:20]
    names = _sequence(_tag(0x87, bytes((127, 0, 0, 1))), _tag(0x82, b"localhost"))
    extensions = _sequence(
        _extension("2.5.29.19", _sequence(_tag(0x01, b"\xff")), critical=True),
        _extension("2.5.29.15", _tag(0x03, b"\x02\x84"), critical=True),
        _extension("2.5.29.37", _sequence(_oid("1.3.6.1.5.5.7.3.1"))),
        _extension("2.5.29.14", _tag(0x04, identifier)),
        _extension("2.5.29.35", _sequence(_tag(0x80, identifier))),
        _extension("2.5.29.17", names),
    )
    return _sequence(
        _tag(0xA0, _integer(2)),
        _integer(secrets.randbits(63) | 1),
        _sequence(_oid(_ECDSA_SHA256)),
        name,
        validity,
        name,
        public_key,
        _tag(0xA3, extensions),
    )


def _sign(secret: int, message: bytes) -> bytes:
    digest = int.from_bytes(hashlib.sha256(message).digest(), "big")
    while True:
        nonce = secrets.randbelow(_N - 1) + 1
        point = _multiply(nonce, _G)
        assert point is not None
        r = point[0] % _N
        s = pow(nonce, -1, _N) * (digest + r * secret) % _N
        if r and s:
            return _sequence(_integer(r), _integer(s))


def _multiply(factor: int, point: _Point) -> _Point:
    result: _Point = None
    while factor:
        if factor & 1:
            result = _add(result, point)
        point = _add(point, point)
        factor >>= 1
    return result


def _add(one: _Point, other: _Point) -> _Point:
    if one is None or other is None:
        return other if one is None else one
    (x1, y1), (x2, y2) = one, other
    if x1 == x2:
        if (y1 + y2) % _P == 0:
            return None
        slope = (3 * x1 * x1 - 3) * pow(2 * y1, -1, _P) % _P
    else:
        slope = (y2 - y1) * pow(x2 - x1, -1, _P) % _P
    x = (slope * slope - x1 - x2) % _P
    return x, (slope * (x1 - x) - y1) % _P


def _tag(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def _sequence(*parts: bytes) -> bytes:
    return _tag(0x30, b"".join(parts))


def _integer(value: int) -> bytes:
    return _tag(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def _bits(content: bytes) -> bytes:
    return _tag(0x03, b"\x00" + content)


def _oid(dotted: str) -> bytes:
    first, second, *rest = (int(part) for part in dotted.split("."))
    content = bytearray((first * 40 + second,))
    for number in rest:
        chunk = [number & 0x7F]
        while number := number >> 7:
            chunk.insert(0, 0x80 | number & 0x7F)
        content.extend(chunk)
    return _tag(0x06, bytes(content))


def _extension(oid: str, content: bytes, *, critical: bool = False) -> bytes:
    flag = _tag(0x01, b"\xff") if critical else b""
    return _sequence(_oid(oid), flag, _tag(0x04, content))


def _pem(label: str, content: bytes) -> str:
    text = base64.b64encode(content).decode()
    lines = "\n".join(text[start : start + 64] for start in range(0, len(text), 64))
    return f"-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n"
