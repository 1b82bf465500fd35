// One WebSocket message from the server, a packet of blocks: the mirror of
// shared/src/wire/packet.rs.

import { DecodeError, Reader } from './codec.js';
import { SERVER_PACKET_BYTES_MAX } from './limits.js';
import { readServerMessage } from './message.js';

export const TAG_TICK = 0;
export const TAG_CONTROL = 1;

/** Reads the blocks of one packet, in order. */
export class PacketReader {
  constructor(bytes) {
    if (bytes.length > SERVER_PACKET_BYTES_MAX) {
      throw new DecodeError(
        'too_long',
        `the message has ${bytes.length} bytes, at most ${SERVER_PACKET_BYTES_MAX} are allowed`,
      );
    }
    this.reader = new Reader(bytes);
  }

  /**
   * The next block: a control message, or `ticks` itself after it has read a tick message, or
   * null at the end. `ticks` is null before `Welcome`.
   */
  next(ticks) {
    if (this.reader.remaining() === 0) return null;
    const tag = this.reader.byte();
    if (tag === TAG_CONTROL) return readServerMessage(this.reader);
    if (tag === TAG_TICK && ticks !== null) {
      ticks.read(this.reader);
      return ticks;
    }
    throw new DecodeError('unknown_tag', `unknown block tag ${tag}`);
  }
}
