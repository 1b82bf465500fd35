// Waits between attempts to connect: exponential with full jitter, so that the players of a
// restarted server do not all come back in the same moment.

const BASE_MS = 500;
const MAX_MS = 15_000;

export class Backoff {
  /** `random` returns numbers in [0, 1), as Math.random does. */
  constructor(random) {
    this.random = random;
    this.attempt = 0;
  }

  /** The wait before the next attempt; `hintMs` is the server's own wish, or null. */
  next(hintMs) {
    const ceiling = Math.min(MAX_MS, BASE_MS * 2 ** this.attempt);
    this.attempt += 1;
    const jittered = Math.max(BASE_MS / 5, this.random() * ceiling);
    return Math.round(hintMs === null ? jittered : hintMs + this.random() * BASE_MS);
  }

  /** The connection holds: the next trouble starts from the shortest wait. */
  reset() {
    this.attempt = 0;
  }
}
