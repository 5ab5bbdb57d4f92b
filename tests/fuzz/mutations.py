"""Damage a file in the ways that copying, cameras and attackers do, the same way for the same seed."""

import struct

import numpy as np

_HEADER = 600
_TELLING = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def mutated(data: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    """Return a damaged copy.

    Args:
        data: The file.
        other: Another one, of which a piece may be put in.
        rng: Decides on the damage.
    """
    first, last = sorted(int(place) for place in rng.integers(0, len(data) + 1, 2))
    # Mostly where headers lie, since pixels that differ are only another image.
    end = len(data) if rng.random() < 0.4 else min(_HEADER, len(data))
    kind = rng.integers(10)
    if kind == 0:
        return data[:last]
    if kind == 1:
        return data[:last].rstrip(b"\xff") + b"\xff\xd9"
    if kind == 2:
        return data[:first] + data[last:]
    if kind == 3:
        return data[:last] + data[first:]
    if kind == 4:
        place = int(rng.integers(end))
        return data[:place] + bytes([int(rng.choice([0, 255]))]) * int(rng.integers(1, 5000)) + data[place:]
    if kind == 5:
        return data[:first] + other[first:last] + data[last:]
    damaged = bytearray(data)
    for _ in range(rng.integers(1, 6)):
        place = int(rng.integers(end))
        if kind <= 7:
            damaged[place] = int(rng.integers(256))
        else:
            _overwrite(damaged, place, rng)
    return bytes(damaged)


def _overwrite(data: bytearray, place: int, rng: np.random.Generator) -> None:
    """Write a number that programs stumble over, two or four bytes long, in either order."""
    number = int(rng.choice(np.array(_TELLING)))
    layout = ("<" if rng.random() < 0.5 else ">") + ("H" if rng.random() < 0.5 else "I")
    size = struct.calcsize(layout)
    if place + size <= len(data):
        struct.pack_into(layout, data, place, number & (256**size - 1))
