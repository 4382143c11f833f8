import type { Report } from './report.js';

export function jsonText(report: Report): string {
  return `${JSON.stringify(report, null, 2)}\n`;
}
