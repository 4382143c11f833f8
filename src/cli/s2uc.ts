#!/usr/bin/env node
import { Command } from '@commander-js/extra-typings';
import { conventions, main } from './main.js';
import { inboundRequest } from './s2uc/inbound-request.js';
import { list, release, show, update } from './s2uc/manage.js';
import { outboundRequest } from './s2uc/outbound-request.js';
import { prodReq } from './s2uc/prod-req.js';
import { stream } from './s2uc/stream.js';
import { checkAuth, login, logout } from './s2uc/tokens.js';
import { watch } from './s2uc/watch.js';
import { version } from './version.js';

const program = new Command('s2uc')
  .description('SciStream user client: opens, watches and ends streams between facilities.')
  .version(version, '--version', 'show the version')
  .commandsGroup('Streams:')
  .addCommand(stream)
  .addCommand(list)
  .addCommand(show)
  .addCommand(watch)
  .addCommand(update)
  .addCommand(release)
  .commandsGroup('One end at a time, as with the Python tools:')
  .addCommand(inboundRequest)
  .addCommand(outboundRequest)
  .addCommand(prodReq)
  .commandsGroup('Tokens:')
  .addCommand(login)
  .addCommand(logout)
  .addCommand(checkAuth);

await main(conventions(program));
