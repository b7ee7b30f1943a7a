"""python_json: texts and objects, without a connection; by json, or by orjson.

    python3 python_json.py MODULE MODE FILE COUNT SIZE KIND      see ../README.md
"""
import importlib
import os
import resource
import sys

json = importlib.import_module(sys.argv[1])
FIELDS = {  # what a feed handler asks for
    "trade": lambda v: (v["data"]["p"], v["data"]["q"], v["data"]["E"]),
    "depth": lambda v: (v["data"]["E"], v["data"]["u"], v["data"]["b"][0][0]),
    "last": lambda v: (v["data"]["u"], v["data"]["a"][0][0], v["data"]["a"][39][1]),
}


def cpu():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return (used.ru_utime + used.ru_stime) * 1e6


def run(work, values, count):
    n = len(values)
    for i in range(1, count + 1):
        work(values[i % n])


def main(mode, path, count, _, kind):
    with open(path, encoding="ascii") as file:
        values = file.read().splitlines()
    loads, read = json.loads, FIELDS[kind]
    if mode == "encode":
        values = [loads(text) for text in values]
    # json puts spaces behind commas and colons unless told; orjson does not
    compact = json.dumps if json.__name__ == "orjson" else json.JSONEncoder(separators=(",", ":")).encode
    work = {"decode": loads, "encode": compact}.get(mode, lambda text: read(loads(text)))
    run(work, values, count // 10)  # does not count
    start = cpu()
    run(work, values, count)
    print(f"result {cpu() - start:.3f} {count}", flush=True)
    os._exit(0)


if sys.argv[2] == "start":
    print("up", flush=True)
else:
    main(sys.argv[2], sys.argv[3], int(sys.argv[4]), *sys.argv[5:7])
