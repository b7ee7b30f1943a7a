"""What the echo servers in Python have in common: how they are started, and what they tell."""
import os
import ssl
import sys

deflate = os.environ.get("DEFLATE") == "1"  # messages are compressed


def context():
    """The TLS context of the command line's CERT and KEY; None where there are none."""
    if len(sys.argv) < 3:
        return None
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(sys.argv[1], sys.argv[2])
    return made


def code_and_reason(message):
    """What a message to /close asks for: "4001 going"."""
    code, reason = message.split(" ", 1)
    return int(code), reason


def tell(*words):
    print(*words, flush=True)
