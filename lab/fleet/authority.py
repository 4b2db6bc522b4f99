"""Certificates for a test's fleet: python3 -m lab.fleet.authority FOLDER NAME...

Makes in FOLDER an authority (ca.crt, ca.key), for each NAME a certificate that it has signed
(NAME.crt, NAME.key), and an authority that has signed none of them (other-ca.crt).
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
_DAYS = ("-days", "30")


def make_authority(folder: Path, name: str = "ca") -> None:
    # Python 3.13 trusts no authority that does not say what its key is for.
    usage = ["-addext", "keyUsage=critical,keyCertSign,cRLSign"]
    words = [*_NEW_KEY, *_DAYS, "-subj", f"/CN=ctaudit test {name}", *usage]
    _openssl("req", "-x509", *words, "-keyout", _at(folder, name, "key"), "-out",
             _at(folder, name, "crt"))  # fmt: skip


def make_certificate(folder: Path, name: str) -> None:
    """``name`` is its common name, for a client, and its DNS name, for a server."""
    request = ["-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}"]
    _openssl("req", "-new", *_NEW_KEY, *request, "-keyout", _at(folder, name, "key"), "-out",
             _at(folder, name, "csr"))  # fmt: skip
    signer = ["-CA", _at(folder, "ca", "crt"), "-CAkey", _at(folder, "ca", "key")]
    _openssl("x509", "-req", *signer, "-CAcreateserial", "-copy_extensions", "copy", *_DAYS,
             "-in", _at(folder, name, "csr"), "-out", _at(folder, name, "crt"))  # fmt: skip


def _at(folder: Path, name: str, kind: str) -> str:
    return str(folder / f"{name}.{kind}")


def _openssl(*words: str) -> None:
    subprocess.run(["openssl", *words], check=True, capture_output=True)


def main(arguments: Sequence[str]) -> int:
    folder = Path(arguments[0])
    folder.mkdir(mode=0o700, exist_ok=True)
    make_authority(folder)
    make_authority(folder, "other-ca")
    for name in arguments[1:]:
        make_certificate(folder, name)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
