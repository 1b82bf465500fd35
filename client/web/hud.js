// The page around the stage while one plays: score, leaders, chat, banner, menu. Elements change
// only when what they show does.

import { playerColour } from './palette.js';

const CHAT_LINES_MAX = 8;
const CHAT_FADE_MS = 12_000;

const element = (id) => document.getElementById(id);

export class Hud {
  constructor(palette) {
    this.palette = palette;
    this.root = element('hud');
    this.score = element('score');
    this.leaders = element('leaders');
    this.chat = element('chat');
    this.chatLog = element('chat-log');
    this.chatForm = element('chat-form');
    this.chatText = element('chat-text');
    this.banner = element('banner');
    this.bannerText = element('banner-text');
    this.dashMeter = element('dash-meter');
    this.dashBar = this.dashMeter.firstElementChild;
    this.dashButton = element('dash-button');
    this.shownScore = 0;
    this.shownDash = -1;
  }

  show(welcome) {
    this.root.hidden = false;
    const watching = welcome.player === null;
    element('status-panel').hidden = watching;
    element('spectating').hidden = !watching;
    this.dashMeter.hidden = watching;
    element('own-name').textContent = welcome.name;
    element('room-name').textContent = welcome.room;
    element('server-version').textContent = welcome.serverVersion;
  }

  hide() {
    this.root.hidden = true;
    this.closeChat();
    this.chatLog.replaceChildren();
  }

  /** Once per frame. */
  update(view) {
    const { own } = view;
    if (own.score !== this.shownScore) {
      this.score.textContent = String(own.score);
      const box = this.score.parentElement;
      box.classList.toggle('gained', false);
      if (own.score > this.shownScore) requestAnimationFrame(() => box.classList.toggle('gained', true));
      this.shownScore = own.score;
    }
    const dash = Math.round(own.dashReady * 100);
    if (dash !== this.shownDash) {
      this.dashBar.style.transform = `scaleX(${dash / 100})`;
      this.dashMeter.classList.toggle('charging', dash < 100);
      this.dashButton.disabled = dash < 100;
      this.shownDash = dash;
    }
  }

  showLeaders(leaders, roster, own) {
    element('population').textContent = `${roster.size} here`;
    this.leaders.replaceChildren(...leaders.map(({ id, score }, index) => {
      const row = document.createElement('li');
      row.classList.toggle('own', id === own);
      const dot = document.createElement('i');
      dot.style.background = playerColour(this.palette, id);
      row.append(span('rank', String(index + 1)), dot, span('name', roster.get(id) ?? `p${id}`), span('points', String(score)));
      return row;
    }));
  }

  addChat({ from, name, text }) {
    const line = document.createElement('li');
    if (from === null) line.append(span('server', text));
    else {
      const who = document.createElement('b');
      who.textContent = name;
      who.style.color = playerColour(this.palette, from);
      line.append(who, text);
    }
    this.chatLog.append(line);
    while (this.chatLog.childElementCount > CHAT_LINES_MAX) this.chatLog.firstElementChild.remove();
    setTimeout(() => line.classList.add('old'), CHAT_FADE_MS);
  }

  get chatting() {
    return !this.chatForm.hidden;
  }

  openChat() {
    this.chatForm.hidden = false;
    this.chat.classList.add('open');
    this.chatText.value = '';
    this.chatText.focus();
  }

  closeChat() {
    this.chatForm.hidden = true;
    this.chat.classList.remove('open');
    this.chatText.blur();
  }

  /** A line over the picture, or none; `canRetry` adds a button. */
  say(text, canRetry = false) {
    this.banner.hidden = text === null;
    if (text !== null && this.bannerText.textContent !== text) this.bannerText.textContent = text;
    element('retry').hidden = !canRetry;
  }
}

function span(name, text) {
  const part = document.createElement('span');
  part.className = name;
  part.textContent = text;
  return part;
}
