import { OfflineError } from './error.ts';
import type { OfflineErrorData } from './types.ts';

/**
 * Writes a value as JSON. Throws `invalid-payload` for what JSON would silently change: a number that is not finite becomes null, and a big integer,
 * a function or a symbol has no form at all.
 */
export function encode(value: unknown): string {
  const errors: NonNullable<OfflineErrorData['errors']> = [];
  let text: string | undefined;
  try {
    if (isPlain(value)) text = JSON.stringify(value);
    else inspect(value, '', errors);
  } catch (thrown) {
    throw new OfflineError({ code: 'invalid-payload', message: 'The payload has no form in JSON.' }, thrown);
  }
  if (text !== undefined) return text;
  throw new OfflineError({ code: 'invalid-payload', message: 'The payload holds values that JSON cannot carry.', errors });
}

/** Whether JSON carries it. Most values are like that, and need no pointers. */
function isPlain(value: unknown): boolean {
  if (typeof value === 'number') return Number.isFinite(value);
  if (typeof value !== 'object') return value === undefined || typeof value === 'string' || typeof value === 'boolean';
  return value === null || 'toJSON' in value || Object.values(value).every(isPlain);
}

function inspect(value: unknown, pointer: string, errors: NonNullable<OfflineErrorData['errors']>): void {
  if (typeof value === 'number' && !Number.isFinite(value)) {
    errors.push({ pointer, code: 'not-finite', message: 'Must be a finite number.' });
  } else if (typeof value === 'bigint' || typeof value === 'function' || typeof value === 'symbol') {
    errors.push({ pointer, code: 'not-json', message: `A ${typeof value} cannot be written as JSON.` });
  } else if (typeof value === 'object' && value !== null && !('toJSON' in value)) {
    for (const [key, part] of Object.entries(value)) {
      inspect(part, `${pointer}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`, errors);
    }
  }
}
