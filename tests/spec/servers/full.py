"""A server whose queue is full: who connects gets no answer. Prints its port; after a line of input it answers.
full.py [ADDRESS PORT]; without them at any port of 127.0.0.1."""
import socket
import sys

server = socket.socket()
server.bind((sys.argv[1], int(sys.argv[2])) if len(sys.argv) > 2 else ("127.0.0.1", 0))
server.listen(0)
queued = []
while True:
    one = socket.socket()
    one.settimeout(0.3)
    try:
        one.connect(server.getsockname())
    except TimeoutError:
        one.close()
        break
    queued.append(one)
print(server.getsockname()[1], flush=True)
sys.stdin.readline()
for one in queued:
    one.close()
server.listen(10)
while True:
    server.accept()[0].close()
