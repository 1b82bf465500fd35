// The look that both drawing clients share: one file, assets/palette.json, served beside the page.

/** Fetches the palette and hands its interface colours to the style sheet. */
export async function loadPalette(base) {
  const response = await fetch(new URL('assets/palette.json', base));
  if (!response.ok) throw new Error(`palette: HTTP ${response.status}`);
  const palette = await response.json();
  const { style } = document.documentElement;
  for (const [name, value] of Object.entries(palette.ui)) {
    style.setProperty(`--${name.replaceAll('_', '-')}`, value);
  }
  style.setProperty('--outside', palette.arena.outside);
  style.setProperty('--floor', palette.arena.floor);
  style.setProperty('--spark', palette.spark.body);
  return palette;
}

/** The colour of a player: the same for everyone, in both clients. */
export function playerColour(palette, id) {
  return palette.players[id % palette.players.length];
}

/** A colour made darker (factor below 1) or mixed with white (above 1). */
export function shade(hex, factor) {
  const channels = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
  const mixed = channels.map((c) => Math.round(factor <= 1 ? c * factor : c + (255 - c) * (factor - 1)));
  return `rgb(${mixed.join(' ')})`;
}

export function withAlpha(hex, alpha) {
  const [r, g, b] = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
  return `rgb(${r} ${g} ${b} / ${alpha})`;
}
