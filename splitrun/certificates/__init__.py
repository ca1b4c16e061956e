"""Certificates for the parties of a run between organisations: who is who, by mutual TLS 1.3.

Each party makes a key, which never leaves its machine, and a request; a certificate authority (CA)
of the experiment's own sees the request alone, and signs it for the one name that its operator
says. A directory with `ca.crt`, `NAME.crt` and `NAME.key` is all that a party needs.

    issue      keys, requests and certificates, in memory alone
    files      how they lie in a directory, and who may read them
    check      what a party's directory holds, checked before anybody dials
    refusal    why a peer refuses, or is refused: one connection finds out
"""

from splitrun.certificates.check import Credentials, credentials, throw_away
from splitrun.certificates.refusal import why_refused

__all__ = ["Credentials", "credentials", "throw_away", "why_refused"]
