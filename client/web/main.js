// The page: joins form, netcode, controls and drawing. Everything else is a module of its own.

import { Attract } from './attract.js';
import { Game } from './game.js';
import { Hud } from './hud.js';
import { loadModel } from './model.js';
import { loadPalette } from './palette.js';
import { Renderer } from './render.js';
import { optionsFromAddress, Title } from './title.js';

/** Hidden pages draw nothing, but timers of the netcode go on. */
const TIMER_MS = 200;

async function start() {
  const [palette] = await Promise.all([loadPalette(document.baseURI), loadModel(document.baseURI)]);
  document.documentElement.classList.add('ready');
  if (!('WebSocket' in window)) {
    document.getElementById('join').hidden = true;
    document.getElementById('unsupported').hidden = false;
    return;
  }
  const reducedMotion = window.matchMedia('(prefers-reduced-motion: reduce)').matches;
  const touch = window.matchMedia('(pointer: coarse)').matches;
  document.documentElement.classList.toggle('touch', touch);

  const renderer = new Renderer(document.getElementById('stage'), palette, reducedMotion);
  const hud = new Hud(palette);
  const options = optionsFromAddress(location.href);
  const attract = new Attract();
  let game = null;

  const title = new Title(options, (choice) => join(choice));
  const join = (choice) => {
    title.hide();
    document.documentElement.classList.add('playing');
    game = new Game({ palette, renderer, hud, touch, token: options.token, ...choice }, (complaint) => leave(complaint));
    // For the browser tests and for curious players at the console.
    window.tickwire = game;
  };
  const leave = (complaint) => {
    game = null;
    document.documentElement.classList.remove('playing');
    hud.hide();
    renderer.setArena(attract.world.arena);
    title.show(complaint);
  };

  renderer.resize();
  renderer.setArena(attract.world.arena);
  window.addEventListener('resize', () => renderer.resize());
  if (options.autojoin && options.name !== null) {
    join({ name: options.name, room: options.room ?? 'lobby', spectator: options.spectator });
  } else {
    title.show();
  }

  let last = performance.now();
  const frame = (now) => {
    requestAnimationFrame(frame);
    const seconds = Math.min(0.25, Math.max(0, (now - last) / 1000));
    last = now;
    if (game !== null) {
      game.frame(seconds);
    } else {
      drawTitle(renderer, attract, reducedMotion ? 0 : seconds, now);
    }
  };
  requestAnimationFrame(frame);
  setInterval(() => game?.timer(), TIMER_MS);
}

function drawTitle(renderer, attract, seconds, now) {
  const { camera } = renderer;
  const view = attract.advance(seconds);
  const sway = now / 9000;
  camera.follow(40 + Math.sin(sway) * 4 * (seconds > 0), 30 + Math.cos(sway * 1.3) * 3 * (seconds > 0), 0, 0, null, 40, seconds);
  renderer.draw(view, attract.names, now);
}

start().catch((error) => {
  document.documentElement.classList.add('ready');
  const place = document.getElementById('unsupported');
  place.hidden = false;
  place.textContent = `The page could not start: ${error.message}`;
  console.error(error);
});
