import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { defaultStateDir, tokenFile, tokenFromEnvironment } from './paths.js';

describe('where files are kept', () => {
  beforeEach(() => {
    vi.stubEnv('HOME', '/home/alice');
  });

  afterEach(() => {
    vi.unstubAllEnvs();
  });

  it('follows the folders the user has chosen', () => {
    vi.stubEnv('XDG_CONFIG_HOME', '/conf');
    vi.stubEnv('XDG_STATE_HOME', '/state');
    expect(tokenFile()).toBe('/conf/scistream/tokens.json');
    expect(defaultStateDir('s2cs')).toBe('/state/scistream/s2cs');
    expect(defaultStateDir('s2ds')).toBe('/state/scistream/s2ds');
  });

  // "Not set or empty" is one case in the XDG specification; batch systems often export an empty variable.
  it.each([undefined, ''])('uses the home folder when the variables are %j', (value) => {
    vi.stubEnv('XDG_CONFIG_HOME', value);
    vi.stubEnv('XDG_STATE_HOME', value);
    expect(tokenFile()).toBe('/home/alice/.config/scistream/tokens.json');
    expect(defaultStateDir('s2cs')).toBe('/home/alice/.local/state/scistream/s2cs');
  });

  it('takes a token from the environment; an empty one is none', () => {
    vi.stubEnv('SCISTREAM_TOKEN', 'a-token');
    expect(tokenFromEnvironment()).toBe('a-token');
    vi.stubEnv('SCISTREAM_TOKEN', '');
    expect(tokenFromEnvironment()).toBeUndefined();
    vi.stubEnv('SCISTREAM_TOKEN', undefined);
    expect(tokenFromEnvironment()).toBeUndefined();
  });
});
