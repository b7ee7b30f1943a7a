# The socket of a service manager (sd_notify(3)): prints each datagram that comes, its lines separated by |. The first
# argument is its path, or with @ in front an abstract name. It says "ready" when it listens.
import socket
import sys

name = sys.argv[1]
there = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
there.bind("\0" + name[1:] if name.startswith("@") else name)
print("ready", flush=True)
while True:
    print(there.recv(4096).decode().rstrip("\n").replace("\n", "|"), flush=True)
