"""python: a client by the package websockets, on CPython.

    python3 python.py MODE URL COUNT SIZE KIND CA_FILE      see ../README.md
"""
import asyncio
import json
import os
import resource
import ssl
import sys

import websockets


def cpu():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return (used.ru_utime + used.ru_stime) * 1e6


def memory():
    with open("/proc/self/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize() / 1024


def result(total, units):
    print(f"result {total:.3f} {units}", flush=True)


async def main(mode, url, count, size, kind, ca_file):
    count, size = int(count), int(size)
    payload = b"x" * size if kind == "binary" else "x" * size
    options = {"max_size": None, "ping_interval": None, "compression": "deflate" if mode == "deflate" else None}
    if url.startswith("wss"):
        options["ssl"] = ssl.create_default_context(cafile=ca_file)

    def connect():
        return websockets.connect(url, **options)

    if mode in ("receive", "deflate"):
        async with connect() as conn:
            start, messages = cpu(), 0
            async for _ in conn:
                messages += 1
            result(cpu() - start, messages)
    elif mode == "answer":
        async with connect() as conn:
            start, messages = cpu(), 0
            async for text in conn:
                data = json.loads(text)["data"]
                await conn.send(f"{data['p']} {data['q']} {data['E']}")
                messages += 1
            result(cpu() - start, messages)
    elif mode == "echo":
        async with connect() as conn:
            start = cpu()
            for _ in range(count):
                await conn.send(payload)
                await conn.recv()
            result(cpu() - start, count)
    elif mode == "send":
        async with connect() as conn:
            start = cpu()
            for _ in range(count):
                await conn.send(payload)
            await conn.recv()
            result(cpu() - start, count)
    elif mode == "connect":
        await (await connect()).close()
        start = cpu()
        for _ in range(count):
            await (await connect()).close()
        result(cpu() - start, count)
    elif mode == "idle":
        every = [await connect()]
        before = memory()
        for _ in range(count):
            every.append(await connect())
        result(memory() - before, count)
        os._exit(0)  # thousands of closing handshakes would take their time
    else:
        sys.exit(77)


if sys.argv[1] == "start":
    print("up", flush=True)
else:
    asyncio.run(main(*sys.argv[1:]))
