import { createNodeResolver, importX } from 'eslint-plugin-import-x';
import tseslint from 'typescript-eslint';
import { layers } from './scripts/eslint-layers.js';

const exitOnlyInCli = 'Only src/cli ends the process or reads its arguments: throw a SciStreamError instead.';

export default tseslint.config(
  { ignores: ['dist', 'build', 'coverage', 'src/gen'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    plugins: { 'import-x': importX, scistream: { rules: { layers } } },
    settings: {
      'import-x/resolver-next': [
        createNodeResolver({ extensions: ['.ts', '.js'], extensionAlias: { '.js': ['.ts', '.js'] } }),
      ],
      'import-x/parsers': { '@typescript-eslint/parser': ['.ts'] },
    },
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      'import-x/no-cycle': 'error',
      'no-console': 'error',
      'no-restricted-properties': [
        'error',
        { object: 'process', property: 'exit', message: exitOnlyInCli },
        { object: 'process', property: 'argv', message: exitOnlyInCli },
        { object: 'process', property: 'on', message: 'Only src/cli handles signals: take an AbortSignal instead.' },
        { object: 'process', property: 'env', message: 'Only src/config reads the environment.' },
      ],
      'no-restricted-imports': [
        'error',
        { name: 'node:timers/promises', message: 'Await the condition with a deadline (core/until.ts), never a time.' },
      ],
      'scistream/layers': 'error',
    },
  },
  {
    files: ['src/cli/**'],
    rules: {
      'no-restricted-properties': 'off',
      // The types of commands grow with every option: they are inferred.
      '@typescript-eslint/explicit-module-boundary-types': 'off',
    },
  },
  { files: ['src/config/**'], rules: { 'no-restricted-properties': 'off' } },
  {
    files: ['test/**', 'examples/**', 'bench/**', 'scripts/**', '**/*.test.ts', '*.ts'],
    rules: {
      'no-restricted-properties': 'off',
      'no-console': 'off',
      '@typescript-eslint/explicit-module-boundary-types': 'off',
    },
  },
  { files: ['**/*.js'], extends: [tseslint.configs.disableTypeChecked] },
);
