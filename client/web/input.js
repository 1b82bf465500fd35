// What the player wants: keyboard, mouse, gamepad and touch, merged into one input per tick.

import { angleFromVector } from './angle.js';
import { inputFromKeys, makeInput } from './body.js';

const KEYS = new Map([
  ['KeyW', 'up'], ['ArrowUp', 'up'], ['KeyS', 'down'], ['ArrowDown', 'down'],
  ['KeyA', 'left'], ['ArrowLeft', 'left'], ['KeyD', 'right'], ['ArrowRight', 'right'],
  ['Space', 'dash'], ['ShiftLeft', 'dash'], ['ShiftRight', 'dash'],
]);
const STICK_DEAD_ZONE = 0.25;
/** A held mouse button walks to the pointer; nearer than this the avatar rests, in units. */
const POINTER_REST_UNITS = 0.6;
const POINTER_FULL_UNITS = 3;

export class Controls {
  /** `stage` takes the pointer, `camera` turns it into places of the arena, `signal` ends it. */
  constructor(stage, camera, signal) {
    this.camera = camera;
    this.held = new Set();
    /** Dash pressed since the last sample: a tap between two ticks still counts. */
    this.dashTapped = false;
    this.pointer = null;
    this.pointerDown = false;
    this.touch = null;
    const on = (target, name, handle) => target.addEventListener(name, handle, { signal, passive: false });
    on(stage, 'mousemove', (event) => this.movePointer(event));
    on(stage, 'mousedown', (event) => this.pressPointer(event));
    on(window, 'mouseup', () => { this.pointerDown = false; });
    on(window, 'blur', () => this.releaseAll());
    on(stage, 'contextmenu', (event) => event.preventDefault());
    on(stage, 'wheel', (event) => {
      event.preventDefault();
      camera.zoom(Math.exp(event.deltaY * 0.001));
    });
  }

  /** Takes a key event while the game has the keyboard. Returns whether it was one of its keys. */
  key(event, isDown) {
    const action = KEYS.get(event.code);
    if (action === undefined || event.ctrlKey || event.metaKey || event.altKey) return false;
    if (!isDown) this.held.delete(event.code);
    else {
      if (action === 'dash' && !event.repeat) this.dashTapped = true;
      this.held.add(event.code);
    }
    return true;
  }

  releaseAll() {
    this.held.clear();
    this.pointerDown = false;
    this.dashTapped = false;
  }

  movePointer(event) {
    this.pointer = { x: event.clientX, y: event.clientY };
  }

  pressPointer(event) {
    this.movePointer(event);
    if (event.button === 0) this.pointerDown = true;
    if (event.button === 2) this.dashTapped = true;
  }

  /** Direction of the held keys: x right, y up, each -1, 0 or 1. */
  keys() {
    const held = (action) => [...this.held].some((code) => KEYS.get(code) === action);
    return {
      x: (held('right') ? 1 : 0) - (held('left') ? 1 : 0),
      y: (held('up') ? 1 : 0) - (held('down') ? 1 : 0),
      dash: held('dash'),
    };
  }

  /** The input of this moment; `own` is where the own avatar is drawn. */
  sample(own, ratio) {
    const keys = this.keys();
    const pad = readPad();
    const dash = keys.dash || this.dashTapped || pad?.dash === true || this.touch?.dash === true;
    if (this.touch?.active) {
      const { move, aim } = this.touch;
      return stickInput(move.x, move.y, aim.active ? angleFromVector(aim.x, aim.y) : -1, dash);
    }
    if (pad !== null) return stickInput(pad.x, pad.y, pad.aim, dash);
    let dx = 0;
    let dy = 0;
    if (this.pointer !== null) {
      dx = this.camera.worldX(this.pointer.x * ratio) - own.x;
      dy = this.camera.worldY(this.pointer.y * ratio) - own.y;
    }
    const aim = this.pointer === null || (dx === 0 && dy === 0) ? -1 : angleFromVector(dx, dy);
    if (keys.x === 0 && keys.y === 0 && this.pointerDown) {
      const distance = Math.hypot(dx, dy);
      const push = distance < POINTER_REST_UNITS ? 0 : Math.min(1, distance / POINTER_FULL_UNITS);
      return makeInput(angleFromVector(dx, dy), throttleOf(push), aim, dash);
    }
    return inputFromKeys(keys.x, keys.y, aim, dash);
  }

  /** The sampled input went into a tick: a tap is used up. */
  used() {
    this.dashTapped = false;
    if (this.touch !== null) this.touch.tapUsed();
  }
}

function stickInput(x, y, aim, dash) {
  return makeInput(angleFromVector(x, y), throttleOf(Math.hypot(x, y)), aim, dash);
}

/** Thirds of the stick's way beyond the dead zone. */
function throttleOf(push) {
  if (push < STICK_DEAD_ZONE) return 0;
  return Math.min(3, 1 + Math.floor(((push - STICK_DEAD_ZONE) / (1 - STICK_DEAD_ZONE)) * 2.999));
}

function readPad() {
  if (navigator.getGamepads === undefined) return null;
  for (const pad of navigator.getGamepads()) {
    if (pad === null || !pad.connected || pad.axes.length < 2) continue;
    const [x, y, aimX = 0, aimY = 0] = pad.axes;
    const pressed = (button) => pad.buttons[button]?.pressed === true;
    const dash = pressed(0) || pressed(5) || pressed(7);
    const aims = Math.hypot(aimX, aimY) > STICK_DEAD_ZONE;
    if (Math.hypot(x, y) < STICK_DEAD_ZONE && !aims && !dash) continue;
    return { x, y: -y, aim: aims ? angleFromVector(aimX, -aimY) : -1, dash };
  }
  return null;
}
