import type { Problem } from 'offline-protocol';

/** Why a request did not give what was asked for. */
export type HttpFailure =
  /** No answer, or one that is not our server's (a captive portal). */
  | 'unreachable'
  /** The token is missing, expired or refused. */
  | 'unauthorized'
  /** Our server said no. */
  | 'refused';

export class HttpError extends Error {
  override readonly name = 'HttpError';

  constructor(
    readonly kind: HttpFailure,
    message: string,
    readonly problem: Problem | null = null,
  ) {
    super(message);
  }
}

export interface HttpOptions {
  token?: string | null;
  body?: unknown;
  signal?: AbortSignal;
}

/** Every answer of our server carries this header; what lacks it is somebody else's. */
const OUR_HEADER = 'sync-protocol';

/** After this many milliseconds without an answer there is none: a stalled network must not leave the page waiting. */
const TIMEOUT_MS = 20_000;

/** Asks the server for JSON. Rejects with an `HttpError`, or with the signal's reason once it is aborted. */
export async function request<T>(method: 'GET' | 'POST', path: string, options: HttpOptions = {}): Promise<T> {
  const response = await answer(method, path, options);
  if (!response.headers.has(OUR_HEADER)) {
    throw new HttpError('unreachable', 'Something other than our server answered. Is there a sign-in page of this network to pass?');
  }
  if (response.ok) return (await response.json()) as T;
  const problem = await problemOf(response);
  if (response.status === 401) throw new HttpError('unauthorized', 'Your sign-in has expired.', problem);
  throw new HttpError('refused', problem?.title ?? `The server answered ${response.status}.`, problem);
}

async function answer(method: string, path: string, { token, body, signal }: HttpOptions): Promise<Response> {
  const headers = new Headers({ accept: 'application/json, application/problem+json' });
  if (token != null) headers.set('authorization', `Bearer ${token}`);
  if (body !== undefined) headers.set('content-type', 'application/json');
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  try {
    return await fetch(path, {
      method,
      headers,
      body: body === undefined ? null : JSON.stringify(body),
      signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
      cache: 'no-store',
    });
  } catch (error) {
    if (signal?.aborted === true) throw error;
    throw new HttpError('unreachable', 'The server cannot be reached.');
  }
}

async function problemOf(response: Response): Promise<Problem | null> {
  try {
    return (await response.json()) as Problem;
  } catch {
    return null;
  }
}
