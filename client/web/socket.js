// The only part of the netcode that does I/O: a WebSocket that executes what the client wants.

import { SUBPROTOCOL } from './limits.js';

/** The address of the server's socket beside the page, under whatever path prefix it lies. */
export function socketUrl(base, { room, name, spectator }) {
  const url = new URL('ws', base);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  url.hash = '';
  url.search = '';
  url.searchParams.set('room', room);
  url.searchParams.set('name', name);
  if (spectator) url.searchParams.set('spectate', '1');
  return url;
}

/** Joins a `Client` and a WebSocket. `clock` returns milliseconds. */
export class Driver {
  constructor(client, options, clock) {
    this.client = client;
    this.options = options;
    this.clock = clock;
    this.socket = null;
  }

  /** Executes what the client has queued; call after every call into the client. */
  pump() {
    for (let transmit = this.client.pollTransmit(); transmit !== null; transmit = this.client.pollTransmit()) {
      if (transmit.kind === 'connect') this.open(transmit.ticket);
      else if (transmit.kind === 'close') this.close(transmit.code, transmit.reason);
      else if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(transmit.bytes);
    }
  }

  open(ticket) {
    this.close(1000, '');
    const protocols = [SUBPROTOCOL];
    if (this.options.token) protocols.push(`bearer.${this.options.token}`);
    if (ticket !== null) protocols.push(`resume.${ticket}`);
    const socket = new WebSocket(socketUrl(this.options.base, this.options), protocols);
    socket.binaryType = 'arraybuffer';
    this.socket = socket;
    let opened = false;
    const ifCurrent = (handle) => (event) => {
      if (this.socket !== socket) return;
      handle(event);
      this.pump();
    };
    socket.onopen = ifCurrent(() => {
      opened = true;
      this.client.handleConnected(this.clock());
    });
    socket.onmessage = ifCurrent(({ data }) => {
      if (typeof data === 'string') this.close(1003, 'binary only');
      else this.client.handleMessage(this.clock(), new Uint8Array(data));
    });
    socket.onclose = ifCurrent(({ code, reason }) => {
      this.socket = null;
      this.client.handleDisconnected(this.clock(), { opened, code, reason });
    });
  }

  /** Ends the socket without waiting for its close event. Codes are those a page may send. */
  close(code, reason) {
    const { socket } = this;
    this.socket = null;
    if (socket === null) return;
    if (code === 1000 || code >= 3000) socket.close(code, reason);
    else socket.close(3000 + (code % 1000), reason);
  }
}
