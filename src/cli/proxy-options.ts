import type { Command, OptionValues } from '@commander-js/extra-typings';
import { defaultImages, defaultJanusProfile, janusPasswordVariable } from '../config/proxy.js';

/** What both servers take for proxies and what runs them; see config/proxy.ts. */
export function proxying<Args extends unknown[], Opts extends OptionValues>(command: Command<Args, Opts>) {
  return command
    .option('--template-dir <dir>', 'folder with templates of configurations that replace ours')
    .option('--legacy-stunnel-peer', 'stunnel pairs with gateways of the Python implementation; does not encrypt')
    .option('--docker-host <host>', 'Docker Engine, such as unix:///run/docker.sock (default: /var/run/docker.sock)')
    .option('--haproxy-image <image>', `image for containers (default: ${defaultImages.haproxy})`)
    .option('--nginx-image <image>', `image for containers (default: ${defaultImages.nginx})`)
    .option('--stunnel-image <image>', `image for containers (default: ${defaultImages.stunnel})`)
    .option(
      '--janus-url <url>',
      `controller of ESnet Janus; its password is read from ${janusPasswordVariable(command.name())}`,
    )
    .option('--janus-user <name>', 'name by which to log in there')
    .option('--janus-ca <file>', 'certificate in PEM to trust there')
    .option('--janus-profile <name>', `profile of containers there (default: ${defaultJanusProfile})`)
    .option('--janus-instance <node>', 'node on which containers run')
    .option('--janus-volume <folder:path>', 'folder that the profile mounts, and where containers see it');
}
