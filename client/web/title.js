// The title screen: a plain form, remembered between visits, usable by keyboard and screen reader.

import { NAME_BYTES_MAX } from './limits.js';
import { utf8Length } from './codec.js';

const STORE = 'tickwire';
const FIRST = ['Brisk', 'Calm', 'Clever', 'Dusky', 'Eager', 'Fleet', 'Lucky', 'Mellow', 'Nimble', 'Sunny'];
const SECOND = ['Badger', 'Comet', 'Finch', 'Heron', 'Lynx', 'Marten', 'Otter', 'Swift', 'Tern', 'Wren'];

const element = (id) => document.getElementById(id);

/** What the address says: ?room= &name= &spectate=1 &autojoin=1, and #token=. */
export function optionsFromAddress(address) {
  const url = new URL(address);
  const token = new URLSearchParams(url.hash.slice(1)).get('token');
  return {
    name: url.searchParams.get('name'),
    room: url.searchParams.get('room'),
    spectator: url.searchParams.get('spectate') === '1',
    autojoin: url.searchParams.get('autojoin') === '1',
    token,
  };
}

export class Title {
  /** `onJoin({ name, room, spectator })` is called when the form is sent. */
  constructor(options, onJoin) {
    this.form = element('join');
    this.root = element('title');
    this.error = element('join-error');
    const stored = remember();
    this.form.elements.name.value = options.name ?? stored.name ?? randomName();
    this.form.elements.room.value = options.room ?? stored.room ?? 'lobby';
    this.form.addEventListener('submit', (event) => {
      event.preventDefault();
      const name = this.form.elements.name.value.trim();
      const room = this.form.elements.room.value.trim();
      if (name === '' || utf8Length(name) > NAME_BYTES_MAX) {
        this.complain(`A name has 1 to ${NAME_BYTES_MAX} bytes; accents and emoji count more than one.`);
        return;
      }
      remember({ name, room });
      onJoin({ name, room, spectator: event.submitter?.value === 'watch' });
    });
  }

  show(complaint = null) {
    this.root.hidden = false;
    this.complain(complaint);
    this.form.elements.name.focus();
  }

  hide() {
    this.root.hidden = true;
    document.activeElement?.blur();
  }

  complain(text) {
    this.error.hidden = text === null;
    this.error.textContent = text ?? '';
  }
}

/** Reads the stored choices, or stores new ones. Storage may be forbidden: then nothing is kept. */
function remember(choices = null) {
  try {
    if (choices !== null) localStorage.setItem(STORE, JSON.stringify(choices));
    return JSON.parse(localStorage.getItem(STORE) ?? '{}');
  } catch {
    return {};
  }
}

function randomName() {
  const pick = (list) => list[Math.floor(Math.random() * list.length)];
  return `${pick(FIRST)} ${pick(SECOND)}`;
}
