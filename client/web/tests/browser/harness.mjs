// What the browser test runs on: the real server, bots, a reverse proxy with TLS, Chromium.

import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));
const TOOLS = process.env.TICKWIRE_BROWSER_TOOLS ?? `${ROOT}target/browser-smoke/`;
const BINARIES = process.env.TICKWIRE_BINARIES ?? `${ROOT}target/release/`;
const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
/** Without these Chromium looks for hosts of its own, which fails loudly on a closed network. */
const CHROMIUM_OPTIONS = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage',
];

export const SCRATCH = mkdtempSync(path.join(tmpdir(), 'tickwire-browser-'));
const cleanups = [];

/** Ends everything that was started, last first. */
export async function cleanUp() {
  for (const clean of cleanups.reverse()) await clean();
  rmSync(SCRATCH, { recursive: true, force: true });
}

export const sleep = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

/** Polls until `check` gives something true, and returns that. */
export async function until(what, check, seconds = 20) {
  const deadline = Date.now() + seconds * 1000;
  let last;
  while (Date.now() < deadline) {
    last = await check();
    if (last) return last;
    await sleep(50);
  }
  throw new Error(`${what}: not within ${seconds} s, last ${JSON.stringify(last)}`);
}

function start(name, options) {
  const child = spawn(BINARIES + name, options, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => { output = (output + text).slice(-4000); });
  const ended = new Promise((resolve) => { child.on('exit', resolve); });
  const handle = {
    child,
    output: () => output,
    async stop() {
      if (child.exitCode === null) child.kill('SIGTERM');
      const killer = setTimeout(() => child.kill('SIGKILL'), 10_000);
      await ended;
      clearTimeout(killer);
    },
  };
  cleanups.push(() => handle.stop());
  return handle;
}

/** Starts the server; `port` 0 takes a free one. */
export async function startServer(port = 0, options = []) {
  const portFile = path.join(SCRATCH, 'port');
  rmSync(portFile, { force: true });
  const server = start('tickwire', ['--listen', `127.0.0.1:${port}`, '--port-file', portFile, ...options]);
  server.port = Number(await until('the port file', () => existsSync(portFile) && readFileSync(portFile, 'utf8').trim()));
  return server;
}

export function startBots(port, room, players) {
  return start('tickwire-bots', [
    '--url', `ws://127.0.0.1:${port}/ws`, '--room', room, '--players', String(players), '--seconds', '0',
  ]);
}

/** A random stream of cell frames; see server/lab/src/stream.rs. */
export function makeStream(options) {
  const words = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  return execFileSync(`${BINARIES}tickwire-lab`, ['stream', ...words], { maxBuffer: 1 << 28 });
}

/** A reverse proxy with TLS that shows the server under `prefix`. Returns the page's address. */
export async function startProxy(serverPort, prefix) {
  const key = path.join(SCRATCH, 'key.pem');
  const certificate = path.join(SCRATCH, 'certificate.pem');
  execFileSync('openssl', [
    'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2',
    '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-keyout', key, '-out', certificate,
  ], { stdio: 'ignore' });
  const inside = (url) => `/${url.slice(prefix.length)}`;
  const proxy = https.createServer({ key: readFileSync(key), cert: readFileSync(certificate) }, (request, response) => {
    if (!request.url.startsWith(prefix)) {
      response.writeHead(404).end();
      return;
    }
    const { method, headers } = request;
    const onward = http.request({ port: serverPort, host: '127.0.0.1', path: inside(request.url), method, headers }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
    onward.on('error', () => response.destroy());
    request.pipe(onward);
  });
  const sockets = new Set();
  proxy.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  proxy.on('upgrade', (request, socket, head) => {
    const onward = net.connect(serverPort, '127.0.0.1', () => {
      const lines = request.rawHeaders.map((text, at) => text + (at % 2 === 0 ? ': ' : '\r\n'));
      onward.write(`GET ${inside(request.url)} HTTP/1.1\r\n${lines.join('')}\r\n`);
      onward.write(head);
      socket.pipe(onward).pipe(socket);
    });
    for (const [one, other] of [[onward, socket], [socket, onward]]) {
      one.setNoDelay(true);
      one.on('error', () => other.destroy());
      one.on('close', () => other.destroy());
    }
  });
  await new Promise((resolve) => { proxy.listen(0, '127.0.0.1', resolve); });
  cleanups.push(() => new Promise((resolve) => {
    proxy.close(resolve);
    for (const socket of sockets) socket.destroy();
  }));
  return `https://localhost:${proxy.address().port}${prefix}`;
}

export async function startBrowser() {
  const { chromium } = createRequire(TOOLS)('playwright-core');
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: CHROMIUM_OPTIONS });
  cleanups.push(() => browser.close());
  return browser;
}

/** A page that keeps what went wrong on it: console errors, exceptions, requests elsewhere. */
export async function openPage(browser, address, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 720 }, ignoreHTTPSErrors: true, ...options });
  const page = await context.newPage();
  const seen = { troubles: [], elsewhere: [], bytes: 0, tolerate: null };
  const { host } = new URL(address);
  page.on('console', (message) => {
    if (message.type() === 'error' && !(seen.tolerate?.test(message.text()))) seen.troubles.push(message.text());
  });
  page.on('pageerror', (error) => seen.troubles.push(error.stack));
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (url.protocol !== 'data:' && url.host !== host) seen.elsewhere.push(request.url());
  });
  const inspector = await context.newCDPSession(page);
  await inspector.send('Network.enable');
  inspector.on('Network.loadingFinished', ({ encodedDataLength }) => { seen.bytes += encodedDataLength; });
  await page.goto(address);
  return { page, seen, inspector, close: () => context.close() };
}
