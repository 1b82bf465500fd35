// What is known beforehand about each decision of a cell frame: one static table of odds, read
// from assets/model.v1.txt. The mirror of shared/src/wire/model.rs.

/** Name and size of every group of contexts, in the order of the table. */
export const GROUPS = Object.freeze([
  ['ROSTER_CHANGED', 1], ['ROSTER_MORE', 8], ['QUIET', 72], ['AIM_MOVED', 24],
  ['INPUT_CHANGED', 12], ['CORRECTED', 2], ['MOVE_CHANGED', 4], ['DASH_CHANGED', 4],
  ['AIM_MODE_CHANGED', 1], ['STOP', 2], ['JITTER', 2], ['JITTER_SIGN', 3], ['JITTER_SIZE', 3],
  ['TURN', 4], ['TURN_EIGHTHS', 14], ['THROTTLE', 2], ['HEADING', 7], ['AIM_STOPPED', 1],
  ['AIM_SHORT', 36], ['AIM_SIZE', 108], ['CORRECTION_PART', 4], ['CORRECTION_VELOCITY', 32],
  ['CORRECTION_POSITION', 32], ['FREE_QUIET', 96], ['FREE_AXIS_QUIET', 192], ['FREE_SIGN', 24],
  ['FREE_SIZE', 60], ['FREE_LARGE', 31], ['FREE_TURNED', 12], ['ID_GAP', 31], ['ENTER_ID', 31],
  ['PREDICTOR', 1], ['OUTSIDE', 2], ['RECORD_MOVES', 1], ['RECORD_ANALOG', 1], ['RECORD_AIMS', 1],
  ['RECORD_DASH_HELD', 1], ['RECORD_UNSTEADY', 4], ['RECORD_VELOCITY', 32], ['RECORD_FACING', 2],
  ['RECORD_DASH', 1], ['RECORD_AGE', 30], ['RECORD_STYLE', 1], ['RECORD_TREMOR', 3],
  ['RECORD_CORRECTED', 3], ['RECORD_STILL', 3], ['RECORD_SURPRISE', 3], ['RECORD_AIM_RATE', 32],
  ['RECORD_DISPLACEMENT', 32], ['RECORD_ACCELERATION', 32], ['RECORD_RESIDUAL', 7],
  ['AVATAR_COUNT', 31], ['SPARK_COUNT', 31], ['SPARK_GAP', 31], ['SPARK_ENTER_ID', 31],
  ['SPARK_OUTSIDE', 1],
]);

/** Number of contexts. */
export const CONTEXTS = GROUPS.reduce((sum, [, size]) => sum + size, 0);

/** Where each group starts in the table. */
export const CONTEXT = Object.freeze(Object.fromEntries(
  GROUPS.map(([name], index) => [name, GROUPS.slice(0, index).reduce((sum, [, size]) => sum + size, 0)]),
));

/** The low side's share of 4096 for every context. */
export const LOW_SHARES = new Uint16Array(CONTEXTS);

/** Entry of a context of which the table says nothing. */
const UNTRAINED = 91;

let loaded = false;
let hash = 0;

/** FNV-1a over the entries of the table in use: `Welcome` tells the server's. */
export const fingerprint = () => hash;

/** Takes the text of the table: numbers separated by white space; `#` starts a comment line. */
export function useTable(text) {
  const entries = text.split('\n').filter((line) => !line.startsWith('#')).join(' ')
    .split(/\s+/).filter((word) => word !== '').map(Number);
  if (entries.length > CONTEXTS || !entries.every((entry) => entry >= 1 && entry <= 255)) {
    throw new RangeError(`the table of odds has ${entries.length} entries, ${CONTEXTS} are needed`);
  }
  hash = 0x811c9dc5;
  for (let at = 0; at < CONTEXTS; at++) {
    const entry = entries[at] ?? UNTRAINED;
    LOW_SHARES[at] = lowShare(entry);
    hash = Math.imul(hash ^ entry, 0x01000193) >>> 0;
  }
  loaded = true;
}

/** Fetches the table from beside the page. */
export async function loadModel(base) {
  if (loaded) return;
  const response = await fetch(new URL('assets/model.v1.txt', base));
  if (!response.ok) throw new Error(`table of odds: HTTP ${response.status}`);
  useTable(await response.text());
}

function lowShare(entry) {
  return 4096 - Math.max(1, (entry * entry) >> 4);
}
