export { ControlClient, type NewSession } from './client/control-client.js';
export { requestSession, type RequestOptions } from './client/request.js';
export type { SessionInfo, Traffic } from './client/session-info.js';
export { openStream, releaseStream, type Stream, type StreamOptions } from './client/stream.js';
export { sayHello, type HelloOptions, type HelloReply } from './app/controller.js';
export { runApplication, type RunOptions } from './app/run.js';
export { SciStreamError, type ErrorCode } from './core/errors.js';
export type { Role } from './core/identity.js';
export type { ServerOptions } from './platform/control-peer.js';
