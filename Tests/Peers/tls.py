"""pynetdicom over TLS: an association, a C-ECHO, a release. Prints "0000", or why there was none.

usage: tls.py PORT TRUSTED [--certificate FILE --key FILE] [--calling AE] [--called AE]
"""

from __future__ import annotations

import argparse
import ssl

from pynetdicom import AE


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("port", type=int)
    parser.add_argument("trusted")
    parser.add_argument("--certificate")
    parser.add_argument("--key")
    parser.add_argument("--calling", default="MODALITY")
    parser.add_argument("--called", default="OVERREAD")
    args = parser.parse_args()
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=args.trusted)
    if args.certificate:
        context.load_cert_chain(args.certificate, args.key)
    entity = AE(ae_title=args.calling)
    entity.add_requested_context("1.2.840.10008.1.1")
    # The certificate is of "localhost".
    association = entity.associate("127.0.0.1", args.port, ae_title=args.called, tls_args=(context, "localhost"))
    if association.is_established:
        print(f"{association.send_c_echo().Status:04X}")
        association.release()
    elif association.is_rejected:
        answer = association.acceptor.primitive
        print(f"rejected {answer.result} {answer.result_source} {answer.diagnostic}")
    else:
        print("aborted")


main()
