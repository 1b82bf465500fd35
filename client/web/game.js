// One visit to a room, from the form to leaving: the shell around `Client` that gathers input,
// pumps the socket and shows what comes of it.

import { UNIT } from './limits.js';
import { Controls } from './input.js';
import { Minimap } from './minimap.js';
import { NetGraph } from './netgraph.js';
import { Client } from './session.js';
import { Driver } from './socket.js';
import { TouchControls } from './touch.js';
import { Spectator } from './spectator.js';

const element = (id) => document.getElementById(id);

export class Game {
  /** `onEnd(complaint)` is called when the visit is over; `complaint` is null after leaving. */
  constructor({ palette, renderer, hud, touch, name, room, spectator, token }, onEnd) {
    this.renderer = renderer;
    this.hud = hud;
    this.onEnd = onEnd;
    this.ended = false;
    this.client = new Client({ spectator }, performance.now());
    this.driver = new Driver(this.client, { base: document.baseURI, name, room, spectator, token }, () => performance.now());
    this.listeners = new AbortController();
    this.controls = new Controls(renderer.canvas, renderer.camera, this.listeners.signal);
    this.minimap = new Minimap(element('minimap'), palette);
    this.netgraph = new NetGraph(element('netgraph'), palette);
    this.spectator = spectator ? new Spectator(renderer.camera) : null;
    this.frames = 0;
    this.framesPerSecond = 0;
    this.cost = { frameMs: 0, frames: 0 };
    if (touch) this.useTouch();
    this.listen();
    this.driver.pump();
    hud.say('Joining …');
  }

  useTouch() {
    element('touch').hidden = false;
    element('dash-button').hidden = this.spectator !== null;
    this.controls.touch = new TouchControls(
      element('touch'), element('dash-button'), this.listeners.signal,
    );
  }

  listen() {
    const { signal } = this.listeners;
    const on = (target, name, handle) => target.addEventListener(name, handle, { signal });
    on(window, 'keydown', (event) => this.keyDown(event));
    on(window, 'keyup', (event) => this.controls.key(event, false));
    on(document, 'visibilitychange', () => this.visibilityChanged());
    on(element('chat-form'), 'submit', (event) => {
      event.preventDefault();
      this.client.chat(this.hud.chatText.value.trim());
      this.driver.pump();
      this.hud.closeChat();
    });
    on(this.hud.chatText, 'blur', () => this.hud.closeChat());
    on(element('chat-button'), 'click', () => this.openChat());
    on(element('net-button'), 'click', () => this.toggleNetGraph());
    on(element('menu-button'), 'click', () => this.openMenu());
    on(element('menu'), 'close', () => this.menuClosed());
    on(element('retry'), 'click', () => {
      this.client.retryNow(performance.now());
      this.driver.pump();
    });
    // A page that goes away says so, unless the browser keeps it for a return.
    on(window, 'pagehide', (event) => {
      if (event.persisted) return;
      this.client.leave();
      this.driver.pump();
    });
  }

  keyDown(event) {
    if (this.hud.chatting) {
      if (event.key === 'Escape') this.hud.closeChat();
      return;
    }
    if (element('menu').open) return;
    const taken = this.command(event) || this.controls.key(event, true);
    if (taken) event.preventDefault();
  }

  command(event) {
    switch (event.code) {
      case 'Enter':
        if (event.target instanceof HTMLButtonElement) return false;
        this.openChat();
        return true;
      case 'Escape': this.openMenu(); return true;
      case 'F3': this.toggleNetGraph(); return true;
      case 'KeyF': this.spectator?.follow(); return this.spectator !== null;
      default: return false;
    }
  }

  openChat() {
    this.controls.releaseAll();
    this.hud.openChat();
  }

  toggleNetGraph() {
    this.netgraph.toggle();
    this.netgraph.update(this.client, this.framesPerSecond);
  }

  openMenu() {
    this.controls.releaseAll();
    element('menu').returnValue = '';
    element('menu').showModal();
  }

  menuClosed() {
    const { returnValue } = element('menu');
    if (returnValue === 'leave') {
      this.client.leave();
      this.timer();
    } else if (returnValue === 'fullscreen') {
      document.documentElement.requestFullscreen?.().catch(() => {});
    }
  }

  visibilityChanged() {
    this.controls.releaseAll();
    this.client.setVisible(performance.now(), !document.hidden);
    this.driver.pump();
  }

  /** Between frames and while hidden: timers, events. */
  timer() {
    if (this.ended) return;
    this.client.advance(performance.now());
    this.driver.pump();
    this.handleEvents();
    if (!this.ended) this.showState();
  }

  /** One drawn frame. */
  frame(seconds) {
    if (this.ended) return;
    const now = performance.now();
    const { client, renderer, controls } = this;
    const { view } = client;
    const before = client.play?.inputTick;
    client.setInput(controls.sample(view.own, renderer.ratio));
    client.advance(now);
    if (client.play !== null && client.play.inputTick !== before) controls.used();
    this.driver.pump();
    client.refreshView(now, seconds);
    this.handleEvents();
    if (this.ended) return;
    this.aimOwn(view);
    this.moveCamera(view, seconds);
    renderer.draw(view, client.roster, now);
    if (client.play !== null) {
      this.minimap.draw(view, renderer.camera);
      this.netgraph.sample(client.play);
      this.hud.update(view);
    }
    this.count(now);
  }

  /** The own avatar looks where the pointer is, without waiting for the next tick. */
  aimOwn(view) {
    const { aim } = this.client.input;
    if (view.hasOwn && aim >= 0) view.own.facing = aim;
  }

  moveCamera(view, seconds) {
    const { play } = this.client;
    if (play === null) return;
    const { camera } = this.renderer;
    const { arena } = play.world;
    if (this.spectator !== null) {
      const cell = this.spectator.move(this.client, this.controls, seconds);
      if (cell !== null) this.client.watch(cell);
      camera.follow(this.spectator.x, this.spectator.y, 0, 0, arena, arena.spec.viewUnits, seconds);
    } else if (view.hasOwn) {
      const { own } = view;
      camera.follow(own.x, own.y, own.vx, own.vy, arena, arena.spec.viewUnits, seconds);
    }
  }

  handleEvents() {
    const { client, hud, renderer } = this;
    for (let event = client.pollEvent(); event !== null; event = client.pollEvent()) {
      switch (event.kind) {
        case 'welcomed': this.welcomed(event); break;
        case 'roster':
        case 'scores': hud.showLeaders(client.leaders, client.roster, client.welcome.player); break;
        case 'chat': hud.addChat(event); break;
        case 'picked_up': renderer.effects.burst('pickup', event.x, event.y, performance.now()); break;
        case 'bumped': renderer.effects.burst('bump', client.view.own.x, client.view.own.y, performance.now()); break;
        case 'ended': this.end(event.reason === 'left' ? null : event.message); return;
        default: break;
      }
    }
  }

  welcomed({ welcome, world }) {
    const { arena } = world;
    if (!welcome.resumed || this.renderer.arena?.spec.name !== arena.spec.name) this.renderer.setArena(arena);
    this.minimap.setArena(arena);
    this.spectator?.start(arena);
    this.hud.show(welcome);
    this.hud.say(null);
    if (document.hidden) this.visibilityChanged();
  }

  showState() {
    const { state } = this.client;
    if (state.kind === 'backing_off') {
      const seconds = Math.max(0, Math.ceil((state.until - performance.now()) / 1000));
      this.hud.say(`${sentence(state.message)}. Reconnecting in ${seconds} s …`, true);
    } else if (state.kind === 'playing') {
      this.hud.say(this.client.view.lagging && this.client.visible ? 'The connection is stalling …' : null);
    } else {
      this.hud.say(this.client.stats.reconnects > 0 ? 'Reconnecting …' : 'Joining …');
    }
  }

  count(now) {
    this.frames += 1;
    this.cost.frames += 1;
    this.cost.frameMs += performance.now() - now;
    if (this.client.stats.sample(now)) {
      this.framesPerSecond = this.frames;
      this.frames = 0;
      if (this.netgraph.shown) this.netgraph.update(this.client, this.framesPerSecond);
    }
  }

  end(complaint) {
    this.ended = true;
    this.listeners.abort();
    this.driver.close(1000, 'left');
    if (element('menu').open) element('menu').close();
    element('touch').hidden = true;
    element('dash-button').hidden = true;
    this.hud.say(null);
    this.onEnd(complaint === null ? null : `${sentence(complaint)}.`);
  }

  /** Where the own avatar stands exactly, in units, for tests. */
  get ownPosition() {
    const prediction = this.client.play?.prediction;
    if (!prediction?.ready) return null;
    return { x: prediction.current.x[0] / UNIT, y: prediction.current.y[0] / UNIT };
  }
}

function sentence(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
