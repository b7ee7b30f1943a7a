"""Shows chains of certificates, each on a port of its own: chains.py TABLE. A line of the table is a name, a PEM file
of what is sent, the leaf first, a PEM file of its key, an address to listen on, the highest version of TLS, ciphers for
TLS 1.2, and a PEM file of Diffie-Hellman parameters ("-": none). For each, in their order, it prints the name and the
port, or 0 and why there is none; then "up". Who comes is answered as a WebSocket server does, and no more. It ends when
nobody reads its output any more."""
import base64
import hashlib
import select
import socket
import ssl
import sys
import threading

versions = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


def context(sent, key, version, ciphers, parameters):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.set_ciphers(ciphers + ":@SECLEVEL=0")  # weak certificates are shown as well
    made.maximum_version = versions[version]
    made.load_cert_chain(sent, key)
    if parameters != "-":
        made.load_dh_params(parameters)
    return made


def listen(address):
    listener = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    listener.bind((address, 0))
    listener.listen()
    return listener


def head_of(stream):
    head = b""
    while b"\r\n\r\n" not in head:
        data = stream.recv(4096)
        if not data:
            raise ConnectionError
        head += data
    return head


def answer(head):
    key = head.split(b"Sec-WebSocket-Key: ")[1].split(b"\r\n")[0]
    proof = hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
    return (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + base64.b64encode(proof) + b"\r\n\r\n")


def serve(connection, how):
    connection.settimeout(60)
    try:
        with how.wrap_socket(connection, server_side=True) as stream:
            stream.sendall(answer(head_of(stream)))
            while stream.recv(4096):
                pass
    except OSError:  # most of them are refused
        connection.close()


def begin(line):
    """The listener and the context of a line of the table, once it is told where it listens."""
    name, sent, key, address, *how = line.split()
    try:
        made = context(sent, key, *how)
    except OSError as why:
        print(name, 0, why)
        return None
    listener = listen(address)
    print(name, listener.getsockname()[1])
    return listener, made


with open(sys.argv[1]) as table:
    pairs = [begin(line) for line in table]
print("up", flush=True)
by_number = {pair[0].fileno(): pair for pair in pairs if pair}
poll = select.poll()
poll.register(sys.stdout, 0)  # tells when its reader has gone
for number in by_number:
    poll.register(number, select.POLLIN)
while True:
    for number, _ in poll.poll():
        if number not in by_number:
            sys.exit()
        listener, made = by_number[number]
        threading.Thread(target=serve, args=(listener.accept()[0], made), daemon=True).start()
