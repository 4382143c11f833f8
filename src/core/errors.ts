/** Every way an operation can fail, as peers, scripts and logs see it. */
export type ErrorCode =
  /** No token, or one that is not accepted here. */
  | 'AUTH_ERROR'
  /** The caller is known but may not do this. */
  | 'POLICY_DENIED'
  /** No session has this uid, or it belongs to somebody else. */
  | 'INVALID_UID'
  /** The uid or request is already in use. */
  | 'ALREADY_EXISTS'
  /** Ports, sessions or another scarce thing have run out. */
  | 'NO_RESOURCE'
  /** A peer could not be reached or went away. */
  | 'CONN_ERROR'
  /** The peer speaks another version. */
  | 'VERSION_ERR'
  /** Too many requests. */
  | 'RATE_LIMIT'
  /** A field, flag or file does not have the form it must have. */
  | 'BAD_FORMAT'
  /** A defect or fault on our side. */
  | 'SERVER_ERR'
  /** The time allowed for it is over. */
  | 'TIMEOUT'
  /** Understood, but this server or engine cannot do it. */
  | 'NOT_IMPLEMENTED'
  /** Cannot serve now: starting, stopping or overloaded. */
  | 'UNAVAILABLE'
  /** Given up by the caller, or the session ended while the caller waited. */
  | 'CANCELED';

/** gRPC statuses by name, https://grpc.github.io/grpc/core/md_doc_statuscodes.html */
type GrpcStatus =
  | 'Canceled'
  | 'InvalidArgument'
  | 'DeadlineExceeded'
  | 'NotFound'
  | 'AlreadyExists'
  | 'PermissionDenied'
  | 'ResourceExhausted'
  | 'FailedPrecondition'
  | 'Unimplemented'
  | 'Internal'
  | 'Unavailable'
  | 'Unauthenticated';

/** The one table of what each code is on the wire and as a program's exit code. */
const table: Record<ErrorCode, { grpc: GrpcStatus; exit: number }> = {
  SERVER_ERR: { grpc: 'Internal', exit: 1 },
  BAD_FORMAT: { grpc: 'InvalidArgument', exit: 2 },
  AUTH_ERROR: { grpc: 'Unauthenticated', exit: 3 },
  POLICY_DENIED: { grpc: 'PermissionDenied', exit: 4 },
  INVALID_UID: { grpc: 'NotFound', exit: 5 },
  ALREADY_EXISTS: { grpc: 'AlreadyExists', exit: 6 },
  NO_RESOURCE: { grpc: 'ResourceExhausted', exit: 7 },
  CONN_ERROR: { grpc: 'Unavailable', exit: 8 },
  VERSION_ERR: { grpc: 'FailedPrecondition', exit: 9 },
  RATE_LIMIT: { grpc: 'ResourceExhausted', exit: 10 },
  TIMEOUT: { grpc: 'DeadlineExceeded', exit: 11 },
  NOT_IMPLEMENTED: { grpc: 'Unimplemented', exit: 12 },
  UNAVAILABLE: { grpc: 'Unavailable', exit: 13 },
  CANCELED: { grpc: 'Canceled', exit: 14 },
};

/** What a bare gRPC status means when the peer did not name its own code (a Python server, a proxy). */
const fromGrpc: Partial<Record<string, ErrorCode>> = {
  Canceled: 'CANCELED',
  InvalidArgument: 'BAD_FORMAT',
  DeadlineExceeded: 'TIMEOUT',
  NotFound: 'INVALID_UID',
  AlreadyExists: 'ALREADY_EXISTS',
  PermissionDenied: 'POLICY_DENIED',
  ResourceExhausted: 'NO_RESOURCE',
  FailedPrecondition: 'VERSION_ERR',
  Unimplemented: 'NOT_IMPLEMENTED',
  Unavailable: 'CONN_ERROR',
  Unauthenticated: 'AUTH_ERROR',
};

/** An error with a code that peers and scripts can act on, and a sentence that a person can act on. */
export class SciStreamError extends Error {
  override readonly name = 'SciStreamError';
  readonly code: ErrorCode;

  /** `message` says what was wrong, with which value, and what to do; it never holds a secret. */
  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

export function grpcStatusOf(code: ErrorCode): GrpcStatus {
  return table[code].grpc;
}

export function exitCodeOf(code: ErrorCode): number {
  return table[code].exit;
}

export function codeOfGrpcStatus(status: string): ErrorCode {
  return fromGrpc[status] ?? 'SERVER_ERR';
}

export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(table, text);
}

/** Any caught value as a SciStreamError; what is not one already becomes SERVER_ERR with the value as cause. */
export function toSciStreamError(error: unknown): SciStreamError {
  if (error instanceof SciStreamError) return error;
  if (error instanceof Error && error.name === 'AbortError') {
    return new SciStreamError('CANCELED', 'The operation was given up.', { cause: error });
  }
  return new SciStreamError('SERVER_ERR', messageOf(error), { cause: error });
}

/** What a caught value says; of several failures in one, what each of them says. */
export function messageOf(error: unknown): string {
  if (!(error instanceof AggregateError)) return error instanceof Error ? error.message : String(error);
  const each = new Set(error.errors.map(messageOf));
  return [error.message.replace(/\.$/, ''), [...each].join('; ')].filter((part) => part !== '').join(': ');
}

/** The system's error name such as ECONNREFUSED, if the value carries one. */
export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
