# Compresses what the table of cases asks for, as another implementation does it. On standard input, again and again:
# a line "BITS FORGETS LEVEL SIZE" and so many bytes. BITS: of the window; 0: a new conversation begins (nothing else
# is then read). On standard output: a line with the size, and the bytes, without the tail 00 00 ff ff.
import sys
import zlib

stream = None
while line := sys.stdin.buffer.readline():
    bits, forgets, level, size = map(int, line.split())
    if bits == 0:
        stream = None
        continue
    data = sys.stdin.buffer.read(size)
    if stream is None or forgets:
        # zlib makes no raw stream with a window of 2^8; with 2^9 it does not look back farther than 250 bytes
        stream = zlib.compressobj(level, zlib.DEFLATED, -max(bits, 9))
    small = (stream.compress(data) + stream.flush(zlib.Z_SYNC_FLUSH))[:-4] if data else b"\0"
    sys.stdout.buffer.write(b"%d\n" % len(small) + small)
    sys.stdout.buffer.flush()
