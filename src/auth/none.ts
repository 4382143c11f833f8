import type { Verifier } from './verifier.js';

/** No authentication: every caller is the same principal, whatever token comes along. */
export const none: Verifier = {
  method: 'none',
  scope: '',
  verify: () => Promise.resolve({ name: 'anonymous' }),
};
