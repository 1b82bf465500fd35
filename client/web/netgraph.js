// The net graph: what the connection does, in numbers and two small plots. For curious players
// and for finding out why something feels wrong.

const SAMPLES = 120;
/** The plots reach at least this high. */
const PLOT_MS_MIN = 60;

export class NetGraph {
  constructor(element, palette) {
    this.element = element;
    this.canvas = element.querySelector('canvas');
    this.context = this.canvas.getContext('2d');
    this.rows = new Map();
    this.list = element.querySelector('dl');
    this.ui = palette.ui;
    this.margins = new Float32Array(SAMPLES);
    this.delays = new Float32Array(SAMPLES);
    this.next = 0;
  }

  get shown() {
    return !this.element.hidden;
  }

  toggle() {
    this.element.hidden = !this.element.hidden;
  }

  /** Once per frame while playing: keeps the plots going. */
  sample(play) {
    this.margins[this.next] = play.clock.marginTicks * play.world.periodMs;
    this.delays[this.next] = play.interpolation.playout.delayMs;
    this.next = (this.next + 1) % SAMPLES;
    if (this.shown) this.plot();
  }

  plot() {
    const { context, canvas } = this;
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.fillStyle = this.ui.panel_line;
    context.fillRect(0, canvas.height / 2, canvas.width, 1);
    let full = PLOT_MS_MIN;
    for (let at = 0; at < SAMPLES; at++) full = Math.max(full, this.margins[at], this.delays[at]);
    this.line(this.margins, this.ui.good, full * 1.1);
    this.line(this.delays, this.ui.accent, full * 1.1);
    context.fillStyle = this.ui.muted;
    context.fillText(`${Math.round(full * 1.1)} ms`, 2, 9);
  }

  line(samples, colour, full) {
    const { context, canvas } = this;
    context.strokeStyle = colour;
    context.lineWidth = 1.5;
    context.beginPath();
    for (let at = 0; at < SAMPLES; at++) {
      const value = samples[(this.next + at) % SAMPLES];
      const y = (canvas.height / 2) * (1 - value / full);
      context.lineTo((at * canvas.width) / (SAMPLES - 1), Math.min(canvas.height - 1, Math.max(1, y)));
    }
    context.stroke();
  }

  /** Once a second: the numbers. */
  update(client, framesPerSecond) {
    const { stats, play } = client;
    const { rates, corrections } = stats;
    this.row('Ping', `${whole(stats.rttMs)} ms`);
    this.row('Frames / ticks', `${whole(framesPerSecond)} / ${rates.ticks.toFixed(1)} Hz`);
    this.row('Down / up', `${(rates.bytesIn / 1000).toFixed(2)} / ${(rates.bytesOut / 1000).toFixed(2)} kB/s`);
    this.row('Bits per avatar', rates.bitsPerAvatar.toFixed(2));
    if (play !== null) {
      this.row('Visible avatars', String(play.replica.population));
      this.row('Input margin', `${whole(play.clock.marginTicks * play.world.periodMs)} ms`);
      this.row('Playout delay', `${whole(play.interpolation.playout.delayMs)} ms`);
      this.row('Decode', `${rates.decodePercent.toFixed(2)} % of time`);
    }
    this.row('Late / pushed / resync', `${corrections.late_input} / ${corrections.server_event} / ${corrections.resync}`);
    this.row('Keyframes', String(stats.keyframes));
    this.row('Desyncs', String(stats.desyncs));
  }

  row(name, text) {
    let cell = this.rows.get(name);
    if (cell === undefined) {
      const term = document.createElement('dt');
      term.textContent = name;
      cell = document.createElement('dd');
      this.list.append(term, cell);
      this.rows.set(name, cell);
    }
    if (cell.textContent !== text) cell.textContent = text;
  }
}

function whole(value) {
  return Number.isNaN(value) ? '–' : String(Math.round(value));
}
