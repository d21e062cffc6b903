import { OfflineError } from 'offline-web';

/** What is wrong, by the JSON pointer of the field; `''` is about the whole. */
export type FieldErrors = Readonly<Record<string, string>>;

export const NO_ERRORS: FieldErrors = {};

/** What was thrown, by field. */
export function errorsOf(failure: unknown): FieldErrors {
  if (failure instanceof OfflineError && failure.errors.length > 0) return byPointer(failure.errors);
  return { '': failure instanceof Error ? failure.message : 'Saving did not work.' };
}

export function byPointer(errors: readonly { pointer: string; message: string }[]): FieldErrors {
  return Object.fromEntries(errors.map(({ pointer, message }) => [pointer, sentence(message)]));
}

/** `must not be empty` -> `Must not be empty.` */
function sentence(message: string): string {
  const start = message.slice(0, 1).toUpperCase() + message.slice(1);
  return /[.!?]$/u.test(start) ? start : `${start}.`;
}
