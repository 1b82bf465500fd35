// What the net graph shows: counters since the start, and rates over the last second.

/** Header of an unmasked WebSocket frame (server to client) and a masked one. */
const frameBytes = (length, masked) => length + (length < 126 ? 2 : length < 65536 ? 4 : 10) + (masked ? 4 : 0);

export class Stats {
  constructor() {
    this.bytesIn = 0;
    this.bytesOut = 0;
    this.messagesIn = 0;
    this.ticks = 0;
    this.avatarTicks = 0;
    this.rttMs = NaN;
    this.decodeMs = 0;
    this.reconnects = 0;
    this.keyframes = 0;
    this.desyncs = 0;
    this.corrections = { late_input: 0, server_event: 0, resync: 0 };
    this.rates = { ticks: 0, bytesIn: 0, bytesOut: 0, bitsPerAvatar: 0, decodePercent: 0 };
    this.mark = null;
  }

  received(length) {
    this.messagesIn += 1;
    this.bytesIn += frameBytes(length, false);
  }

  sent(length) {
    this.bytesOut += frameBytes(length, true);
  }

  ticked(avatars) {
    this.ticks += 1;
    this.avatarTicks += avatars;
  }

  pong(rttMs) {
    this.rttMs = Number.isNaN(this.rttMs) ? rttMs : this.rttMs * 0.7 + rttMs * 0.3;
  }

  /** Recomputes the rates once a second. */
  sample(now) {
    const { mark } = this;
    if (mark !== null && now - mark.now < 1000) return false;
    if (mark !== null) {
      const seconds = (now - mark.now) / 1000;
      const bytes = this.bytesIn - mark.bytesIn;
      const avatars = this.avatarTicks - mark.avatarTicks;
      this.rates.ticks = (this.ticks - mark.ticks) / seconds;
      this.rates.bytesIn = bytes / seconds;
      this.rates.bytesOut = (this.bytesOut - mark.bytesOut) / seconds;
      this.rates.bitsPerAvatar = avatars === 0 ? 0 : (bytes * 8) / avatars;
      this.rates.decodePercent = (this.decodeMs - mark.decodeMs) / (seconds * 10);
    }
    this.mark = {
      now, ticks: this.ticks, bytesIn: this.bytesIn, bytesOut: this.bytesOut,
      avatarTicks: this.avatarTicks, decodeMs: this.decodeMs,
    };
    return true;
  }
}
