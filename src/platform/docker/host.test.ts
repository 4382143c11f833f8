import { describe, expect, it } from 'vitest';
import { formatDockerHost, parseDockerHost } from './host.js';

describe('the address of a Docker Engine', () => {
  it.each([
    [undefined, 'unix:///var/run/docker.sock'],
    ['/run/user/1000/docker.sock', 'unix:///run/user/1000/docker.sock'],
    ['unix:///srv/a b/docker.sock', 'unix:///srv/a b/docker.sock'],
    ['tcp://127.0.0.1:2375', 'tcp://127.0.0.1:2375'],
    ['tcp://[::1]:2375', 'tcp://[::1]:2375'],
    ['http://engine.example:2375/', 'tcp://engine.example:2375'],
    ['https://engine.example:2376', 'https://engine.example:2376'],
  ])('%s is %s', (text, expected) => {
    expect(formatDockerHost(parseDockerHost(text))).toBe(expected);
  });

  it.each([
    '',
    'docker.sock',
    './docker.sock',
    'unix://docker.sock',
    'unix://',
    '/var/run/',
    `/${'x'.repeat(107)}`,
    'tcp://127.0.0.1',
    'tcp://127.0.0.1:0',
    'tcp://127.0.0.1:2375/v1.41',
    'tcp://user@host:2375',
    'tcp://::1:2375',
    'http://300.1.1.1:80',
    'ssh://host:22',
    'npipe:////./pipe/docker_engine',
    'UNIX:///var/run/docker.sock',
    'constructor://host:1',
    'unix:///a\0b',
  ])('%j is refused, saying what to write', (text) => {
    expect(() => parseDockerHost(text)).toThrow(
      expect.objectContaining({
        code: 'BAD_FORMAT',
        message: expect.stringContaining('tcp://127.0.0.1:2375') as string,
      }),
    );
  });
});
