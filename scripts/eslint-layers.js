// The layer rule: an import may only point down, and siblings do not import each other.
import path from 'node:path';

const rows = [
  ['cli'],
  ['client', 'app'],
  ['control', 'data'],
  ['auth'],
  ['platform'],
  ['observe', 'config'],
  ['core'],
  ['gen'],
];

/** Layers that lie lower but are not for everyone above: a client must not contain a server. */
const forbidden = new Map([
  ['client', ['control', 'data']],
  ['app', ['control', 'data']],
]);

const source = path.resolve(import.meta.dirname, '../src');

function layerOf(file) {
  const [folder, ...rest] = path.relative(source, file).split(path.sep);
  return folder === '..' || rest.length === 0 ? undefined : folder;
}

function problem(from, to) {
  const upper = rows.findIndex((row) => row.includes(from));
  const lower = rows.findIndex((row) => row.includes(to));
  if (upper === -1 || lower === -1) return `src/${upper === -1 ? from : to} is not a layer of scripts/eslint-layers.js`;
  if (forbidden.get(from)?.includes(to)) return `src/${from} must not contain src/${to}: they meet on the wire`;
  if (lower < upper) return `src/${from} lies below src/${to}: imports only point down`;
  return lower === upper ? `src/${from} and src/${to} are siblings: they do not import each other` : undefined;
}

/** @type {import('eslint').Rule.RuleModule} */
export const layers = {
  meta: { type: 'problem', docs: { description: 'imports point down the layers of src/' }, schema: [] },
  create(context) {
    const from = layerOf(context.filename);
    const check = (node) => {
      const target = node.source?.value;
      if (from === undefined || typeof target !== 'string' || !target.startsWith('.')) return;
      const to = layerOf(path.resolve(path.dirname(context.filename), target));
      if (to === undefined || to === from) return;
      const message = problem(from, to);
      if (message) context.report({ node, message });
    };
    return {
      ImportDeclaration: check,
      ExportNamedDeclaration: check,
      ExportAllDeclaration: check,
      ImportExpression: check,
    };
  },
};
