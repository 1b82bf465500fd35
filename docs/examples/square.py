"""A complete Tickwire player: joins, walks a square, and prints what it sees.

It speaks `tickwire.plain.v1`, in which ticks are plain numbers, so that neither the range coder
nor the movement step has to be ported. docs/protocol.md has the whole protocol.

    pip install websockets
    python square.py ws://127.0.0.1:8080/ws
"""

import asyncio
import struct
import sys

import websockets

RIGHT, UP, LEFT, DOWN = 0, 64, 128, 192  # headings, in 1/256 turn
SIDE_SECONDS = 1.0
LEAD_TICKS = 4  # how far ahead of the server inputs are labelled


class Reader:
    """bincode's standard configuration: variable-length integers, little-endian floats."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def unpack(self, layout):
        value = struct.unpack_from("<" + layout, self.data, self.at)
        self.at += struct.calcsize("<" + layout)
        return value

    def integer(self):
        first = self.unpack("B")[0]
        wide = {251: "H", 252: "I", 253: "Q"}.get(first)
        return self.unpack(wide)[0] if wide else first

    def signed(self):  # zigzag
        value = self.integer()
        return value >> 1 if value % 2 == 0 else -(value >> 1) - 1

    def text(self):
        return self.unpack(f"{self.integer()}s")[0].decode()

    def list(self, item):
        return [item() for _ in range(self.integer())]

    def optional(self, item):
        return item() if self.integer() else None


def welcome(r):
    """Message 0: who we are, the room, and its constants."""
    me, name, room, tick, hz = r.optional(r.integer), r.text(), r.text(), r.integer(), r.integer()
    r.text()  # the arena: name, six lengths, walls, ...
    for _ in range(6):
        r.integer()
    r.list(lambda: [r.integer() for _ in range(4)])
    [r.signed() for _ in range(6)], r.unpack("BB")  # ... and the constants of the movement
    ticket, resumed, version, model = r.text(), r.integer(), r.text(), r.integer()
    return {"me": me, "name": name, "room": room, "tick": tick, "hz": hz}


def plain_tick(r):
    """Block 2: everything in sight at the end of one tick."""
    tick, (margin,), score = r.integer(), r.unpack("b"), r.integer()
    avatars, sparks = {}, {}
    for _ in range(r.integer()):  # cells
        r.integer()
        # x, y, vx, vy, facing, dashing
        avatars.update(r.list(lambda: (r.integer(), r.unpack("fffff?"))))
        sparks.update(r.list(lambda: (r.integer(), r.unpack("ff"))))
    return tick, margin, score, avatars, sparks


CONTROL = [  # blocks of tag 1, by the order of their declaration
    ("welcome", welcome),
    ("roster", lambda r: (r.list(lambda: (r.integer(), r.text())), r.list(r.integer))),
    ("scores", lambda r: r.list(lambda: (r.integer(), r.integer()))),
    ("chat", lambda r: (r.optional(r.integer), r.text())),
    ("pong", Reader.integer),
    ("goodbye", lambda r: (r.integer(), r.text(), r.optional(r.integer))),
]


def input_message(tick, heading):
    """ClientMessage::Input: tick, heading, full throttle, no aim, no dash."""
    wide = struct.pack("<BI", 252, tick) if tick > 65535 else struct.pack("<BH", 251, tick)
    return b"\0" + (bytes([tick]) if tick < 251 else wide) + bytes([heading, 3, 0, 0])


async def play(url):
    joined, turn = None, -1
    async with websockets.connect(url, subprotocols=["tickwire.plain.v1"]) as socket:
        async for packet in socket:
            r = Reader(packet)
            while r.at < len(packet):
                if r.unpack("B")[0] == 1:
                    kind, read = CONTROL[r.integer()]
                    print(kind, value := read(r))
                    joined = value if kind == "welcome" else joined
                    continue
                tick, margin, score, avatars, sparks = plain_tick(r)
                side = int((tick - joined["tick"]) / joined["hz"] / SIDE_SECONDS)
                if side != turn:
                    x, y, *_ = avatars[joined["me"]]
                    print(f"tick {tick}: at {x:.2f} {y:.2f}, margin {margin}/16, score {score}, "
                          f"{len(avatars)} avatars and {len(sparks)} sparks in sight")
                    turn = side
                    if turn == 4:
                        return await socket.send(b"\x06")  # Leave
                if tick % 4 == 0:  # an input holds until the next one
                    heading = [RIGHT, UP, LEFT, DOWN][turn]
                    await socket.send(input_message(tick + LEAD_TICKS, heading))


if __name__ == "__main__":
    asyncio.run(play(sys.argv[1] if len(sys.argv) > 1 else "ws://127.0.0.1:8080/ws"))
