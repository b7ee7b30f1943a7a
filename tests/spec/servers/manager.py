# The socket of a service manager (sd_notify(3)): prints each datagram that comes, its lines separated by |. The first
# argument is its path, or with @ in front an abstract name. It says "ready" when it listens. With "full" as the second
# one its socket takes nothing more, until there is a line on stdin.
import socket
import sys

name = sys.argv[1]
there = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
there.bind("\0" + name[1:] if name.startswith("@") else name)
filled = 0
if sys.argv[2:] == ["full"]:
    here = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    here.setblocking(False)
    try:
        while True:
            here.sendto(b"", name)
            filled += 1
    except BlockingIOError:
        pass
print("ready", flush=True)
if filled:
    sys.stdin.readline()
for _ in range(filled):
    there.recv(4096)
while True:
    print(there.recv(4096).decode().rstrip("\n").replace("\n", "|"), flush=True)
