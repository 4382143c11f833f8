import { escape } from './escape.js';
import { short } from './number.js';
import type { Value } from './report.js';

/** Sizes in units of the drawing, which is scaled to the page. */
const width = 900;
const labels = 250;
const numbers = 110;
const row = 28;
const bar = 18;

export interface Bar {
  readonly label: string;
  readonly value: Value;
  /** Stands out. */
  readonly own: boolean;
}

/** Horizontal bars for the medians, with a line from the lowest to the highest value. */
export function chart(bars: readonly Bar[]): string {
  const most = Math.max(...bars.map(({ value }) => value.max), Number.MIN_VALUE);
  const scale = (width - labels - numbers) / most;
  const height = bars.length * row;
  const drawn = bars.map((each, index) => drawBar(each, index * row + row / 2, scale));
  return `<svg viewBox="0 0 ${width} ${height}" role="img">${drawn.join('')}</svg>`;
}

function drawBar({ label, value: { median, min, max }, own }: Bar, middle: number, scale: number): string {
  const at = (value: number): string => (labels + value * scale).toFixed(1);
  const text = middle + 5;
  const cap = bar / 4;
  const spread = `M${at(min)} ${middle}H${at(max)}M${at(min)} ${middle - cap}v${2 * cap}M${at(max)} ${middle - cap}v${2 * cap}`;
  return [
    `<g><title>${escape(label)}: ${short(median)} (${short(min)} to ${short(max)})</title>`,
    `<text x="${labels - 10}" y="${text}" text-anchor="end">${escape(label)}</text>`,
    `<rect x="${labels}" y="${middle - bar / 2}" width="${(median * scale).toFixed(1)}" height="${bar}" rx="2"`,
    ` fill="var(${own ? '--own' : '--bar'})"/>`,
    `<path d="${spread}" stroke="var(--text)" fill="none" opacity=".6"/>`,
    `<text x="${Number(at(max)) + 8}" y="${text}">${short(median)}</text></g>`,
  ].join('');
}
