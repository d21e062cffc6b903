import type { OfflineErrorData } from './types.ts';

type FieldErrors = NonNullable<OfflineErrorData['errors']>;

/** What every call of the client rejects with. Decide by `code`; `message` is a sentence for people. */
export class OfflineError extends Error {
  override readonly name = 'OfflineError';
  readonly code: string;
  /** What is wrong with which field, for `invalid-payload`; else empty. */
  readonly errors: FieldErrors;

  constructor(data: OfflineErrorData, cause?: unknown) {
    super(data.message, cause === undefined ? undefined : { cause });
    this.code = data.code;
    this.errors = data.errors ?? [];
  }
}

/** Turns whatever was thrown into an `OfflineError`: the engine's texts by what they say, anything else as `code` with its cause. */
export function toOfflineError(thrown: unknown, code = 'internal'): OfflineError {
  if (thrown instanceof OfflineError) return thrown;
  const data = typeof thrown === 'string' ? parse(thrown) : null;
  if (data !== null) return new OfflineError(data);
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new OfflineError({ code, message }, thrown);
}

/** Reports as the browser does for an uncaught error, which is where applications collect them. */
export function reportUncaught(error: OfflineError): void {
  if (typeof globalThis.reportError === 'function') globalThis.reportError(error);
  else
    queueMicrotask(() => {
      throw error;
    });
}

function parse(text: string): OfflineErrorData | null {
  try {
    const value: unknown = JSON.parse(text);
    return isErrorData(value) ? value : null;
  } catch {
    return null;
  }
}

function isErrorData(value: unknown): value is OfflineErrorData {
  if (typeof value !== 'object' || value === null) return false;
  const { code, message } = value as Record<string, unknown>;
  return typeof code === 'string' && typeof message === 'string';
}
