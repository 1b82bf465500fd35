// One cell of one tick as bytes: the reading half of shared/src/wire/cell_frame.

import { Avatars } from './body.js';
import { DecodeError } from './codec.js';
import { readFree } from './free.js';
import { ROOM_PLAYERS_MAX, SPARKS_MAX } from './limits.js';
import { CONTEXT, LOW_SHARES } from './model.js';
import { readStep } from './motion.js';
import { below, sized } from './number.js';
import { RangeDecoder } from './range_coder.js';
import { readAvatar, readAvatarId, readSpark, spark } from './record.js';
import { Sparks } from './sparks.js';

const { ROSTER_CHANGED, ROSTER_MORE, AVATAR_COUNT, SPARK_COUNT } = CONTEXT;
const coder = new RangeDecoder();

/** The replicated state of one cell. Avatars and sparks are in ascending order of id. */
export class Cell {
  constructor(id) {
    this.id = id;
    this.tick = -1;
    this.avatars = new Avatars();
    this.sparks = new Sparks();
  }

  clear() {
    this.avatars.clear();
    this.sparks.clear();
    this.tick = -1;
  }

  /**
   * Takes the cell from the tick before to `tick`. Sparks that go are appended to `gone` as
   * [id, x, y]. After an error the cell is undefined and needs a keyframe.
   */
  applyDelta(world, tick, bytes, start, end, gone) {
    coder.begin(bytes, start, end);
    const { avatars } = this;
    const rosterChanged = coder.decode(LOW_SHARES[ROSTER_CHANGED]) === 1;
    if (rosterChanged) {
      leave(0, avatars, null);
      leave(2, this.sparks, gone);
      this.readEnteringSparks(world);
    }
    for (let row = 0; row < avatars.length; row++) {
      if (avatars.isFree[row] === 0) readStep(coder, world, avatars, row);
      else readFree(coder, world, avatars, row);
    }
    if (rosterChanged) this.readEnteringAvatars(world);
    if ((tick + this.id) % world.tickRate === 0 && avatars.length + this.sparks.length > 0) this.verify();
    coder.finish();
    this.tick = tick;
  }

  /** Replaces the cell by a keyframe's, whatever it was before. */
  applyKeyframe(world, tick, bytes, start, end, gone) {
    const before = gone === null ? null : this.sparks.triples();
    coder.begin(bytes, start, end);
    this.avatars.clear();
    this.sparks.clear();
    let first = 0;
    for (let count = counted(AVATAR_COUNT, ROOM_PLAYERS_MAX, 'avatars'); count > 0; count--) {
      const row = this.avatars.length;
      this.avatars.insert(row, readAvatarId(coder, true, first));
      readAvatar(coder, world, this.id, true, this.avatars, row);
      first = this.avatars.id[row] + 1;
    }
    first = 0;
    for (let count = counted(SPARK_COUNT, SPARKS_MAX, 'sparks'); count > 0; count--) {
      readSpark(coder, world, this.id, true, first);
      this.sparks.insert(this.sparks.length, spark.id, spark.x, spark.y);
      first = spark.id + 1;
    }
    coder.finish();
    this.tick = tick;
    if (before !== null) this.sparks.reportMissing(before, gone);
  }

  readEnteringSparks(world) {
    let more = ROSTER_MORE + 6;
    let first = 0;
    while (coder.decode(LOW_SHARES[more]) === 1) {
      readSpark(coder, world, this.id, false, first);
      const at = this.sparks.find(spark.id);
      if (at >= 0) throw new DecodeError('roster_order', '`spark id` enters twice');
      this.sparks.insert(-1 - at, spark.id, spark.x, spark.y);
      more = ROSTER_MORE + 7;
      first = spark.id + 1;
    }
    if (this.sparks.length > SPARKS_MAX) throw DecodeError.outOfRange('sparks');
  }

  readEnteringAvatars(world) {
    let more = ROSTER_MORE + 4;
    let first = 0;
    while (coder.decode(LOW_SHARES[more]) === 1) {
      const id = readAvatarId(coder, false, first);
      const at = this.avatars.find(id);
      if (at >= 0) throw new DecodeError('roster_order', '`avatar id` enters twice');
      this.avatars.insert(-1 - at, id);
      readAvatar(coder, world, this.id, false, this.avatars, -1 - at);
      more = ROSTER_MORE + 5;
      first = id + 1;
    }
    if (this.avatars.length > ROOM_PLAYERS_MAX) throw DecodeError.outOfRange('avatars');
  }

  verify() {
    const actual = this.checksum();
    const told = coder.raw(32);
    if (told !== actual) {
      const hex = (hash) => hash.toString(16).padStart(8, '0');
      throw new DecodeError('checksum', `checksum ${hex(actual)} differs from the server's ${hex(told)}`);
    }
  }

  /** A hash of everything that is seen of the cell, the same on every platform. */
  checksum() {
    const { avatars: a, sparks } = this;
    let hash = add(0x811c9dc5, a.length);
    for (let row = 0; row < a.length; row++) {
      const aims = a.aim[row] >= 0 ? 1 : 0;
      hash = add(hash, a.id[row]);
      hash = add(hash, a.x[row]);
      hash = add(hash, a.y[row]);
      hash = add(hash, a.vx[row]);
      hash = add(hash, a.vy[row]);
      hash = add(hash, a.facing[row] | (a.dashTicks[row] << 8) | (a.dashCooldown[row] << 16) | (a.dashHeading[row] << 24));
      const bits = a.throttle[row] | (aims << 2) | (a.dash[row] << 3);
      hash = add(hash, a.heading[row] | ((aims === 1 ? a.aim[row] : 0) << 8) | (bits << 16));
    }
    for (let row = 0; row < sparks.length; row++) {
      hash = add(hash, sparks.id[row]);
      hash = add(hash, sparks.x[row] | (sparks.y[row] << 16));
    }
    return hash >>> 0;
  }
}

/** Multiply, then fold the high bits down. */
function add(hash, word) {
  const mixed = Math.imul(hash ^ word, 0x9e3779b1);
  return mixed ^ (mixed >>> 15);
}

function counted(group, max, field) {
  const count = sized(coder, group);
  if (count > max) throw DecodeError.outOfRange(field);
  return count;
}

/** Takes those that leave out of a table. They are named by their place among those that follow. */
function leave(first, table, gone) {
  let from = 0;
  let more = first;
  while (from < table.length && coder.decode(LOW_SHARES[ROSTER_MORE + more]) === 1) {
    from += below(coder, table.length - from, 'leaving');
    if (gone !== null) gone.push(table.id[from], table.x[from], table.y[from]);
    table.removeAt(from);
    more = first + 1;
  }
}
