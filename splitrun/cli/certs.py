"""`splitrun certs`: who is who between organisations (docs/certificates.md)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from splitrun.cli.options import for_example, with_quiet
from splitrun.cli.output import echo
from splitrun.errors import UsageError
from splitrun.files import is_directory, is_something, write_text

app = typer.Typer(
    help="Keys and certificates of a run's parties.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The party, as the spec calls it.")]
Days = Annotated[int, typer.Option("--days", min=1, max=36_500, help="How long it is valid.")]


@app.command("init", epilog=for_example("certs init ca"))
@with_quiet
def init(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="Where ca.key and ca.crt are written.")
    ] = Path(),
    days: Days = 1825,
) -> None:
    """Make a certificate authority (CA), which says who is who.

    ca.crt goes to every party; ca.key stays where it is.
    """
    from splitrun.certificates.files import CA_CERTIFICATE, CA_KEY, pem, write_new
    from splitrun.certificates.issue import fingerprint, new_authority

    made = new_authority(timedelta(days=days))
    write_new(directory, {CA_KEY: pem(made.key), CA_CERTIFICATE: pem(made.certificate)})
    echo(f"{directory / CA_CERTIFICATE}: written, for every party")
    echo(f"  fingerprint  {fingerprint(made.certificate)}")
    echo(f"{directory / CA_KEY}: written, to sign with; nobody else may have it")


@app.command("request", epilog=for_example("certs request partner certs"))
@with_quiet
def request(
    name: Name,
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="Where NAME.key and NAME.csr are written.")
    ] = Path(),
) -> None:
    """Make a party's key, and a request for a certificate.

    The request, NAME.csr, goes to whoever runs the CA; the key stays where it is.
    """
    from splitrun.certificates import issue
    from splitrun.certificates.files import pem, write_new

    key = issue.new_key()
    asked = issue.request(name, key)
    write_new(directory, {f"{name}.key": pem(key), f"{name}.csr": pem(asked)})
    echo(f"{directory / name}.csr: written, for whoever runs the CA")
    echo(f"  key  {issue.key_fingerprint(asked.public_key())}")
    echo(f"{directory / name}.key: written, for {name}; nobody else may have it")


@app.command("sign", epilog=for_example("certs sign partner partner.csr --ca ca"))
@with_quiet
def sign(
    name: Name,
    path: Annotated[Path, typer.Argument(metavar="REQUEST", help="The party's NAME.csr.")],
    ca: Annotated[Path, typer.Option("--ca", metavar="DIR", help="Of ca.key and ca.crt.")] = Path(),
    days: Days = 90,
) -> None:
    """Sign a party's request, as the CA.

    The certificate, NAME.crt, is written beside the request and goes back to the party; one that
    is there is replaced. Nobody but the party itself can say that a request is its own: ask it for
    the key's fingerprint first.
    """
    from splitrun.certificates.check import authority, end
    from splitrun.certificates.files import pem, read_certificate, read_request
    from splitrun.certificates.issue import checked_name
    from splitrun.certificates.issue import sign as signed

    output = path.with_name(f"{checked_name(name)}.crt")
    asked = read_request(path)
    signer = authority(ca)
    before = read_certificate(output) if is_something(output) else None
    try:
        certificate = signed(signer, asked, name, timedelta(days=days))
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error
    try:
        write_text(output, pem(certificate).decode())
    except OSError as error:
        message = f"{output}: cannot be written: {error.strerror}"
        raise UsageError(f"{message}; copy the request to a directory of yours") from error
    if before is not None:
        echo(f"{output}: replaces the one that was valid until {end(before)}")
    echo(f"{output}: written, for {name}; valid until {end(certificate)}")


@app.command("show", epilog=for_example("certs show certs"))
@with_quiet
def show(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="PATH", help="Files, or directories with all in them."),
    ] = None,
) -> None:
    """Show certificates, requests and keys.

    For whom and until when they are, who has signed them, and what is wrong with them.
    """
    from splitrun.certificates.show import shown

    now = datetime.now(UTC)
    refused: list[str] = []
    for file in (file for path in paths or [Path()] for file in _files(path)):
        try:
            echo(f"{file}: " + "\n  ".join(shown(file, now)))
        except UsageError as error:
            refused.append(str(error))
    if refused:
        raise UsageError("\n".join(refused))


def _files(path: Path) -> list[Path]:
    from splitrun.certificates.show import SUFFIXES

    if not is_directory(path):
        return [path]
    found = sorted(file for file in path.iterdir() if file.suffix in SUFFIXES)
    if not found:
        raise UsageError(f"{path}: holds no {', '.join(SUFFIXES)}; name another directory")
    return found
