// What is drawn: plain numbers in units and seconds, refilled every frame without allocation.

/** Columns of drawn avatars; `facing` is in 1/256 turn with a fraction. */
export class AvatarViews {
  constructor() {
    this.count = 0;
    this.allocate(128);
  }

  allocate(capacity) {
    const old = this.id === undefined ? null : this;
    const columns = { id: Uint16Array, dashing: Uint8Array };
    for (const name of ['x', 'y', 'vx', 'vy', 'facing', 'alpha']) columns[name] = Float32Array;
    for (const [name, Type] of Object.entries(columns)) {
      const column = new Type(capacity);
      if (old !== null) column.set(old[name]);
      this[name] = column;
    }
    this.capacity = capacity;
  }

  push(id, x, y, vx, vy, facing, dashing, alpha) {
    if (this.count === this.capacity) this.allocate(this.capacity * 2);
    const at = this.count++;
    this.id[at] = id;
    this.x[at] = x;
    this.y[at] = y;
    this.vx[at] = vx;
    this.vy[at] = vy;
    this.facing[at] = facing;
    this.dashing[at] = dashing;
    this.alpha[at] = alpha;
  }
}

/** Columns of drawn sparks. */
export class SparkViews {
  constructor() {
    this.count = 0;
    this.id = new Uint16Array(256);
    this.x = new Float32Array(256);
    this.y = new Float32Array(256);
  }

  push(id, x, y) {
    if (this.count === this.id.length) {
      for (const name of ['id', 'x', 'y']) {
        const column = new this[name].constructor(this.count * 2);
        column.set(this[name]);
        this[name] = column;
      }
    }
    const at = this.count++;
    this.id[at] = id;
    this.x[at] = x;
    this.y[at] = y;
  }
}

/** Everything that one frame shows of the room. */
export class View {
  constructor() {
    this.tick = 0;
    this.hasOwn = false;
    this.own = {
      id: -1, x: 0, y: 0, vx: 0, vy: 0, facing: 0, dashing: false, dashReady: 1, throttle: 0, score: 0,
    };
    this.others = new AvatarViews();
    this.sparks = new SparkViews();
    this.lagging = false;
  }
}
