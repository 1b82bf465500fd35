"""Checks a Tickwire server through a WebSocket library that knows nothing of Tickwire."""

import asyncio
import sys
import time

import websockets

SECONDS = 3.0
ATTEMPTS = 3


class Reader:
    """The few rules of bincode's standard configuration that Welcome needs."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        piece = self.data[self.at : self.at + count]
        assert len(piece) == count, "the message ends early"
        self.at += count
        return piece

    def varint(self):
        first = self.take(1)[0]
        size = {251: 2, 252: 4, 253: 8}.get(first, 0)
        return int.from_bytes(self.take(size), "little") if size else first

    def text(self):
        return self.take(self.varint()).decode()


def read_welcome(packet):
    """Player, name, room, first tick and tick rate from the first block of a session."""
    reader = Reader(packet)
    assert reader.varint() == 1, f"the first block is no control message: {packet[:8].hex()}"
    assert reader.varint() == 0, f"the first control message is no Welcome: {packet[:8].hex()}"
    player = reader.varint() if reader.varint() else None
    name, room, tick, rate = reader.text(), reader.text(), reader.varint(), reader.varint()
    return player, name, room, tick, rate


async def check(url):
    uri = f"{url}?room=raw&name=stranger"
    async with websockets.connect(uri, subprotocols=["tickwire.v1"], compression=None) as socket:
        assert socket.subprotocol == "tickwire.v1", f"sub-protocol {socket.subprotocol!r}"
        first = await asyncio.wait_for(socket.recv(), 5)
        assert isinstance(first, bytes), "the first message is text"
        player, name, room, tick, rate = read_welcome(first)
        assert (name, room) == ("stranger", "raw"), (name, room)
        assert player is not None and 10 <= rate <= 128, (player, rate)
        print(f"welcomed to {room!r} as {name!r}, player {player}, tick {tick}, {rate} Hz")

        pong = await socket.ping(b"are you there")
        pong_sent, answered = time.monotonic(), []
        pong.add_done_callback(lambda _: answered.append(time.monotonic()))

        # The first second settles; then every binary message is one tick.
        # After a stall of the machine several come in one, so it may take more than one look.
        end = time.monotonic() + 1.0
        while time.monotonic() < end:
            await asyncio.wait_for(socket.recv(), 2)
        for _ in range(ATTEMPTS):
            count, octets, began = 0, 0, time.monotonic()
            while time.monotonic() < began + SECONDS:
                message = await asyncio.wait_for(socket.recv(), 2)
                assert isinstance(message, bytes), "a text message"
                count, octets = count + 1, octets + len(message)
            per_second = count / (time.monotonic() - began)
            print(f"{per_second:.1f} binary messages a second, {octets / count:.1f} bytes each")
            if abs(per_second - rate) <= 0.1 * rate + 0.5:
                break
        else:
            raise AssertionError(f"expected about {rate} in one of {ATTEMPTS} spans")

        await asyncio.wait_for(pong, 5)
        print(f"ping answered in {1000 * (answered[0] - pong_sent):.1f} ms")
    print(f"closed with {socket.close_code}")
    assert socket.close_code == 1000, socket.close_code


asyncio.run(check(sys.argv[1]))
print("raw client: ok")
