import { Code, ConnectError, type Interceptor } from '@connectrpc/connect';
import { codeOfGrpcStatus, grpcStatusOf, isErrorCode, SciStreamError, toSciStreamError } from '../core/errors.js';
import type { Logger } from '../observe/logger.js';

/** Trailer that carries our own code beside the coarser gRPC status. */
const codeTrailer = 'scistream-code';

/** Server side: every failure leaves as one status, one code and one sentence; only defects are logged with a stack. */
export function answerErrors(logger: Logger): Interceptor {
  return (next) => async (request) => {
    const answer = (error: unknown): ConnectError => {
      if (error instanceof ConnectError) return error;
      const known = toSciStreamError(error);
      const rpc = `${request.service.typeName}/${request.method.name}`;
      if (known.code === 'SERVER_ERR') logger.error({ err: error, rpc }, 'call failed');
      else logger.debug({ code: known.code, rpc }, known.message);
      return toConnectError(known);
    };
    try {
      const response = await next(request);
      return response.stream ? { ...response, message: translated(response.message, answer) } : response;
    } catch (error) {
      throw answer(error);
    }
  };
}

/** The same messages, with what `translate` makes of the failure that ends them. */
export async function* translated<T>(
  messages: AsyncIterable<T>,
  translate: (error: unknown) => Error,
): AsyncGenerator<T> {
  try {
    yield* messages;
  } catch (error) {
    throw translate(error);
  }
}

export function toConnectError(error: SciStreamError): ConnectError {
  return new ConnectError(
    error.message,
    Code[grpcStatusOf(error.code)],
    { [codeTrailer]: error.code },
    undefined,
    error,
  );
}

/** True when the peer itself has told its reason, and the failure is none of the way there. */
export function isAnswer(error: unknown): boolean {
  const failure = error instanceof SciStreamError ? error.cause : error;
  return failure instanceof ConnectError && failure.metadata.has(codeTrailer);
}

/** Client side: what the peer answered, or what kept it from answering, as a SciStreamError. */
export function fromConnectError(error: unknown, peer: string): SciStreamError {
  if (error instanceof SciStreamError) return error;
  const failure = ConnectError.from(error);
  const code = failure.metadata.get(codeTrailer) ?? '';
  if (isErrorCode(code)) return new SciStreamError(code, failure.rawMessage, { cause: error });
  const advice = adviceFor(failure, peer);
  if (advice !== undefined) return new SciStreamError('CONN_ERROR', advice, { cause: error });
  if (failure.code === Code.Unimplemented) {
    const message = `${peer} does not know this call: it speaks an older version of the protocol, perhaps version 1 only.`;
    return new SciStreamError('NOT_IMPLEMENTED', message, { cause: error });
  }
  const message =
    failure.code === Code.DeadlineExceeded ? `${peer} did not answer in time.` : `${peer}: ${failure.rawMessage}`;
  return new SciStreamError(codeOfGrpcStatus(Code[failure.code]), message, { cause: error });
}

/** The connection problems that users meet, in words they can act on. */
function adviceFor(failure: ConnectError, peer: string): string | undefined {
  const text = causes(failure).join(' ');
  if (/ECONNREFUSED|ENOENT/.test(text)) return `Nothing listens at ${peer}; is the server running?`;
  if (/ENOTFOUND|EAI_AGAIN/.test(text)) return `The host name of ${peer} is not known.`;
  if (/SELF_SIGNED|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER/.test(text)) {
    return `The certificate of ${peer} is not trusted; give its file with --server-cert.`;
  }
  if (text.includes('ERR_TLS_CERT_ALTNAME_INVALID')) {
    return `The certificate of ${peer} is not valid for that address; use a name or address that it lists.`;
  }
  if (text.includes('CERT_HAS_EXPIRED')) return `The certificate of ${peer} has expired.`;
  if (/WRONG_VERSION_NUMBER|wrong version number|packet length too long/.test(text)) {
    return `${peer} does not speak TLS; use --ssl=False if it is meant to run without.`;
  }
  if (text.includes('PING timed out')) return `${peer} does not answer any more.`;
  // A call that we did not cancel and the server did not answer ended with its connection.
  if (/ERR_HTTP2_ERROR|ERR_HTTP2_STREAM|ECONNRESET|ERR_HTTP2_SESSION/.test(text) || failure.code === Code.Canceled) {
    return `${peer} closed the connection; does it listen with TLS (--ssl) or is it another kind of server?`;
  }
  return undefined;
}

function causes(error: unknown): string[] {
  const found: string[] = [];
  for (let at: unknown = error; at instanceof Error && found.length < 8; at = at.cause) {
    found.push(`${'code' in at ? String(at.code) : ''} ${at.message}`);
  }
  return found;
}
