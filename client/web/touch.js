// Touch: the left thumb moves, the right thumb aims, a button dashes. Each stick appears where
// the thumb comes down, so that nobody has to look for it.

const STICK_PIXELS = 56;

export class TouchControls {
  /** `zone` covers the screen, `dashButton` lies above it. */
  constructor(zone, dashButton, signal) {
    const on = (target, name, handle) => target.addEventListener(name, handle, { signal });
    this.move = { x: 0, y: 0, active: false, pointer: null };
    this.aim = { x: 0, y: 0, active: false, pointer: null };
    this.active = false;
    this.dashHeld = false;
    this.dashTapped = false;
    this.sticks = {
      move: zone.querySelector('[data-stick="move"]'),
      aim: zone.querySelector('[data-stick="aim"]'),
    };
    on(zone, 'pointerdown', (event) => this.down(event));
    on(zone, 'pointermove', (event) => this.moved(event));
    for (const name of ['pointerup', 'pointercancel']) on(zone, name, (event) => this.up(event));
    on(dashButton, 'pointerdown', (event) => {
      event.preventDefault();
      this.active = true;
      this.dashHeld = true;
      this.dashTapped = true;
    });
    for (const name of ['pointerup', 'pointercancel', 'pointerleave']) {
      on(dashButton, name, () => { this.dashHeld = false; });
    }
  }

  get dash() {
    return this.dashHeld || this.dashTapped;
  }

  tapUsed() {
    this.dashTapped = false;
  }

  down(event) {
    if (event.pointerType === 'mouse') return;
    event.preventDefault();
    this.active = true;
    const side = event.clientX < window.innerWidth / 2 ? 'move' : 'aim';
    const stick = this[side];
    if (stick.pointer !== null) return;
    stick.pointer = event.pointerId;
    stick.originX = event.clientX;
    stick.originY = event.clientY;
    event.currentTarget.setPointerCapture(event.pointerId);
    this.show(side, 0, 0);
  }

  moved(event) {
    const side = this.sideOf(event.pointerId);
    if (side === null) return;
    const stick = this[side];
    let dx = event.clientX - stick.originX;
    let dy = event.clientY - stick.originY;
    const length = Math.hypot(dx, dy);
    if (length > STICK_PIXELS) {
      // The stick follows a thumb that slides beyond its edge.
      stick.originX += dx * (1 - STICK_PIXELS / length);
      stick.originY += dy * (1 - STICK_PIXELS / length);
      dx *= STICK_PIXELS / length;
      dy *= STICK_PIXELS / length;
    }
    stick.x = dx / STICK_PIXELS;
    stick.y = -dy / STICK_PIXELS;
    stick.active = length > 8;
    this.show(side, dx, dy);
  }

  up(event) {
    const side = this.sideOf(event.pointerId);
    if (side === null) return;
    Object.assign(this[side], { x: 0, y: 0, active: false, pointer: null });
    this.sticks[side].hidden = true;
  }

  sideOf(pointer) {
    return this.move.pointer === pointer ? 'move' : this.aim.pointer === pointer ? 'aim' : null;
  }

  show(side, dx, dy) {
    const element = this.sticks[side];
    const stick = this[side];
    element.hidden = false;
    element.style.transform = `translate(${stick.originX}px, ${stick.originY}px)`;
    element.firstElementChild.style.transform = `translate(${dx}px, ${dy}px)`;
  }
}
