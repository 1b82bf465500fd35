// Bytes: a reader and a writer for bincode 2 in its standard configuration, whose varints the
// hand-packed messages use too. The mirror of shared/src/wire/{codec,error}.rs.

/** A rule of the wire format that a message broke. */
export class DecodeError extends Error {
  constructor(rule, message) {
    super(message);
    this.name = 'DecodeError';
    this.rule = rule;
  }

  static outOfRange(field) {
    return new DecodeError('out_of_range', `\`${field}\` is out of range`);
  }

  static unexpectedEnd() {
    return new DecodeError('unexpected_end', 'the message ends early');
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const utf8Encoder = new TextEncoder();

/** A cursor over bytes received. */
export class Reader {
  constructor(bytes, at = 0, end = bytes.length) {
    this.bytes = bytes;
    this.at = at;
    this.end = end;
  }

  reset(bytes, at, end) {
    this.bytes = bytes;
    this.at = at;
    this.end = end;
  }

  remaining() {
    return this.end - this.at;
  }

  /** Moves past `length` bytes and returns where they start. */
  skip(length) {
    const start = this.at;
    if (length > this.end - start) throw DecodeError.unexpectedEnd();
    this.at = start + length;
    return start;
  }

  byte() {
    if (this.at >= this.end) throw DecodeError.unexpectedEnd();
    return this.bytes[this.at++];
  }

  /** An unsigned number of at most 32 bits in its shortest form; a longer form is refused. */
  varint() {
    const first = this.byte();
    if (first < 251) return first;
    const { bytes } = this;
    if (first === 251) {
      const at = this.skip(2);
      const value = bytes[at] | (bytes[at + 1] << 8);
      if (value >= 251) return value;
    } else if (first === 252) {
      const at = this.skip(4);
      const value = (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)) >>> 0;
      if (value >= 65536) return value;
    }
    throw DecodeError.outOfRange('varint');
  }

  varintU16(field) {
    const value = this.varint();
    if (value > 65535) throw DecodeError.outOfRange(field);
    return value;
  }

  /** A signed number: zigzag, then varint. */
  zigzag() {
    const value = this.varint();
    return (value >>> 1) ^ -(value & 1);
  }

  bool() {
    const value = this.byte();
    if (value > 1) throw DecodeError.outOfRange('bool');
    return value === 1;
  }

  /** A length that must be possible in the bytes that are left, `each` bytes per element. */
  length(each = 1) {
    const value = this.varint();
    if (value * each > this.remaining()) throw DecodeError.unexpectedEnd();
    return value;
  }

  string() {
    const length = this.length();
    const start = this.skip(length);
    try {
      return utf8.decode(this.bytes.subarray(start, start + length));
    } catch {
      throw new DecodeError('malformed', 'a text is not UTF-8');
    }
  }

  option(read) {
    return this.bool() ? read() : null;
  }

  finish() {
    const count = this.remaining();
    if (count > 0) throw new DecodeError('trailing_bytes', `${count} bytes follow the end of the message`);
  }
}

/** Builds a message; client messages are small, so a plain array of bytes serves. */
export class Writer {
  constructor() {
    this.out = [];
  }

  byte(value) {
    this.out.push(value & 255);
    return this;
  }

  varint(value) {
    if (value < 251) return this.byte(value);
    if (value < 65536) return this.byte(251).byte(value).byte(value >>> 8);
    return this.byte(252).byte(value).byte(value >>> 8).byte(value >>> 16).byte(value >>> 24);
  }

  zigzag(value) {
    return this.varint(((value << 1) ^ (value >> 31)) >>> 0);
  }

  string(text) {
    const bytes = utf8Encoder.encode(text);
    this.varint(bytes.length);
    for (const byte of bytes) this.out.push(byte);
    return this;
  }

  finish() {
    return Uint8Array.from(this.out);
  }
}

/** Length of a text in UTF-8. */
export function utf8Length(text) {
  return utf8Encoder.encode(text).length;
}
