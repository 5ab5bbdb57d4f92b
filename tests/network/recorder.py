"""Run a command where every name it looks up and every foreign address it calls is written down, and none is reached.

`python -m tests.network.recorder RECORD.json COMMAND...` enters network and mount namespaces of its own, in which the
loopback device answers for every address there is. A DNS server there knows every name; a raw socket sees every
connection that begins. Nothing is traced and no packet leaves the namespace.
"""

import ctypes
import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Any

# Every look-up is answered with an address from the block that is set aside for tests of network devices.
ANSWER = IPv4Address("198.18.0.1")
OWN_ADDRESS = IPv4Address("198.51.100.1")
ALL_PROTOCOLS, IPV4, IPV6, TCP, UDP = 0x0003, 0x0800, 0x86DD, 6, 17
# Exit status where this machine offers no namespaces, or lacks the command `ip`.
NOT_POSSIBLE = 77
LISTENING = "0A"
SETTLING = 1.0  # seconds
A_RECORD, SYN, ACK = 1, 0x02, 0x10
# Look-ups go to the DNS server here, past any service on the host that is reached through a file.
HOST_FILES = {"/etc/resolv.conf": "nameserver 127.0.0.1\n", "/etc/nsswitch.conf": "hosts: files dns\n"}
HOST_SERVICES = ("/run/nscd", "/run/systemd/resolve")


@dataclass
class Record:
    """What a command asked for outside its machine, and where other machines could have reached it."""

    lookups: set[str] = field(default_factory=set)
    connections: set[str] = field(default_factory=set)
    listening: set[str] = field(default_factory=set)
    status: int = 0

    def as_json(self) -> str:
        seen = {"lookups": self.lookups, "connections": self.connections, "listening": self.listening}
        return json.dumps({name: sorted(values) for name, values in seen.items()} | {"status": self.status})


def enter_namespaces() -> None:
    """Leave the host's network and mounts for good.

    Raises:
        OSError: If this machine does not allow it.
    """
    users, groups = os.getuid(), os.getgid()
    flags = os.CLONE_NEWNET | os.CLONE_NEWNS if hasattr(os, "CLONE_NEWNET") else 0x40000000 | 0x00020000
    libc = ctypes.CDLL(None, use_errno=True)
    if users != 0:
        flags |= 0x10000000  # CLONE_NEWUSER, in which this process may do the rest
    if libc.unshare(flags) != 0:
        raise OSError(ctypes.get_errno(), "unshare is not allowed here")
    if users != 0:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {users} 1")
        Path("/proc/self/gid_map").write_text(f"0 {groups} 1")
    quiet(["mount", "--make-rprivate", "/"])
    # An address that other machines would know this one by, for programs that look for one.
    known_by = f"addr add {OWN_ADDRESS}/32 dev lo"
    for command in ("link set lo up", known_by, "route add local 0.0.0.0/0 dev lo", "-6 route add local ::/0 dev lo"):
        quiet(["ip", *command.split()])


def quiet(command: list[str]) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode != 0 and "-6" not in command:
        raise OSError(f"{' '.join(command)}: {done.stderr.strip()}")


def hide_the_hosts_resolver(folder: Path) -> None:
    for number, (place, text) in enumerate(HOST_FILES.items()):
        if Path(place).exists():
            ours = folder / str(number)
            ours.write_text(text)
            quiet(["mount", "--bind", str(ours), os.path.realpath(place)])
    for place in HOST_SERVICES:
        if Path(place).is_dir():
            quiet(["mount", "-t", "tmpfs", "none", place])


def answer_look_ups(server: socket.socket, record: Record) -> None:
    while True:
        query, client = server.recvfrom(4096)
        name, kind, question_end = parse_question(query)
        record.lookups.add(name)
        header = query[:2] + struct.pack(">HHHHH", 0x8180, 1, int(kind == A_RECORD), 0, 0)
        answer = struct.pack(">HHHIH4s", 0xC00C, A_RECORD, 1, 60, 4, ANSWER.packed) if kind == A_RECORD else b""
        server.sendto(header + query[12:question_end] + answer, client)


def parse_question(query: bytes) -> tuple[str, int, int]:
    """The first question's name and type, and where it ends."""
    labels, place = [], 12
    while query[place]:
        labels.append(query[place + 1 : place + 1 + query[place]].decode("ascii", "replace"))
        place += query[place] + 1
    return ".".join(labels), struct.unpack(">H", query[place + 1 : place + 3])[0], place + 5


def watch_packets(wire: socket.socket, record: Record) -> None:
    while True:
        frame, (_, protocol, *_) = wire.recvfrom(2048)
        called = destination(frame[14:], protocol)
        if called is not None:
            record.connections.add(called)


def watch_listeners(record: Record) -> None:
    """Note every TCP socket that waits for connections on another address than loopback."""
    while True:
        for table in ("tcp", "tcp6"):
            for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
                local, _, state = line.split()[1:4]
                address = hex_address(local.partition(":")[0])
                if state == LISTENING and not address.is_loopback:
                    record.listening.add(str(address))
        time.sleep(0.2)


def hex_address(text: str) -> IPv4Address | IPv6Address:
    """An address as the kernel writes it: words of 32 bits, each in the machine's byte order."""
    words = [int(text[place : place + 8], 16).to_bytes(4, sys.byteorder) for place in range(0, len(text), 8)]
    address = ip_address(b"".join(words))
    return getattr(address, "ipv4_mapped", None) or address


def destination(packet: Any, protocol: int) -> str | None:
    """Where a packet begins a connection to, as in `tcp 203.0.113.9:443`; None for loopback and all other packets."""
    if protocol == IPV4:
        kind, address, payload = packet[9], IPv4Address(packet[16:20]), packet[(packet[0] & 0x0F) * 4 :]
    elif protocol == IPV6:
        kind, address, payload = packet[6], IPv6Address(packet[24:40]), packet[40:]  # type: ignore[assignment]
    else:
        return None
    if address.is_loopback or address == OWN_ADDRESS or kind not in (TCP, UDP):
        return None
    if kind == TCP and payload[13] & (SYN | ACK) != SYN:
        return None
    source_port, port = struct.unpack(">HH", payload[:4])
    if kind == UDP and source_port == 53:
        return None
    return f"{'tcp' if kind == TCP else 'udp'} {address}:{port}"


def record_command(command: list[str], folder: Path) -> Record:
    hide_the_hosts_resolver(folder)
    record = Record()
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("", 53))
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ALL_PROTOCOLS))
    wire.bind(("lo", 0))
    for watch, source in ((answer_look_ups, server), (watch_packets, wire)):
        threading.Thread(target=watch, args=(source, record), daemon=True).start()
    threading.Thread(target=watch_listeners, args=(record,), daemon=True).start()
    record.status = subprocess.run(command, check=False).returncode
    # What the command did last is still on its way to the threads that write it down.
    time.sleep(SETTLING)
    return record


def main() -> None:
    place, *command = sys.argv[1:]
    try:
        enter_namespaces()
    except OSError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(NOT_POSSIBLE)
    with tempfile.TemporaryDirectory() as folder:
        record = record_command(command, Path(folder))
    Path(place).write_text(record.as_json())


if __name__ == "__main__":
    main()
