"""A network link with a delay: two tunnel devices in two network name spaces, joined by this process.

usage: delay_line.py MILLISECONDS PID_A PID_B

PID_A and PID_B are processes that live in the two name spaces (`unshare -n sleep`). Each gets a device `link0`,
10.99.0.1 and 10.99.0.2; a packet takes MILLISECONDS from one to the other. Prints "ready" and runs until it is ended.
Needs root and iproute2. Made for kernels without netem.
"""

from __future__ import annotations

import collections
import ctypes
import fcntl
import os
import select
import struct
import subprocess
import sys
import time
from pathlib import Path

TUNSETIFF = 0x400454CA
IFF_TUN = 0x0001
IFF_NO_PI = 0x1000
CLONE_NEWNET = 0x40000000
MTU = 9000


def device(pid: int, address: str) -> int:
    """Opens a tunnel device in the name space of a process."""
    libc = ctypes.CDLL(None, use_errno=True)
    with Path(f"/proc/{pid}/ns/net").open("rb") as space:
        if libc.setns(space.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")
    descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(descriptor, TUNSETIFF, struct.pack("16sH22x", b"link0", IFF_TUN | IFF_NO_PI))
    for command in (
        f"ip address add {address}/24 dev link0",
        f"ip link set link0 mtu {MTU} txqueuelen 10000 up",
        "ip link set lo up",
    ):
        subprocess.run(command.split(), check=True)
    return descriptor


def main() -> None:
    delay = float(sys.argv[1]) / 1000
    ends = [device(int(sys.argv[2]), "10.99.0.1"), device(int(sys.argv[3]), "10.99.0.2")]
    other = {ends[0]: ends[1], ends[1]: ends[0]}
    on_the_way: collections.deque[tuple[float, int, bytes]] = collections.deque()
    print("ready", flush=True)
    while True:
        wait = max(0.0, on_the_way[0][0] - time.monotonic()) if on_the_way else None
        for end in select.select(ends, [], [], wait)[0]:
            try:
                while True:
                    on_the_way.append((time.monotonic() + delay, other[end], os.read(end, MTU + 100)))
            except BlockingIOError:
                pass
        now = time.monotonic()
        while on_the_way and on_the_way[0][0] <= now:
            _, end, packet = on_the_way.popleft()
            os.write(end, packet)


if __name__ == "__main__":
    main()
