# terminal: runs a program on a terminal of its own, 40 columns wide, and 20 from SIGUSR1 on: what comes on standard
# input is typed, what the program shows goes to standard output. At the end "[cooked]" or "[raw]" tells how it left the terminal. Its status is the
# program's.
#
#     python3 terminal.py PROGRAM [ARG...]
import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios

master, slave = pty.openpty()


def resize(columns):
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 10, columns, 0, 0))


resize(40)
child = os.fork()
if child == 0:
    os.setsid()
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    for fd in range(3):
        os.dup2(slave, fd)
    os.closerange(3, 256)
    os.execv(sys.argv[1], sys.argv[1:])

signal.signal(signal.SIGUSR1, lambda *_: resize(20))
typed = True
status = None
while True:
    # The slave stays open here, so that nothing tells of the program's end: it is looked for again and again.
    ready, _, _ = select.select([master] + [0] * typed, [], [], 0 if status is not None else 0.02)
    if master in ready:
        os.write(1, os.read(master, 65536))
    elif status is not None:
        break
    if 0 in ready:
        keys = os.read(0, 65536)
        typed = keys != b""
        os.write(master, keys)
    if status is None:
        done, how = os.waitpid(child, os.WNOHANG)
        status = os.waitstatus_to_exitcode(how) if done else None
cooked = termios.tcgetattr(slave)[3] & termios.ICANON
os.write(1, b"[cooked]\n" if cooked else b"[raw]\n")
sys.exit(status if status >= 0 else 128 - status)
