import { expect, test } from 'vitest';
import { newId } from './new-id.ts';

test('an id is a UUID of version 7, and no two are the same', () => {
  const ids = Array.from({ length: 1_000 }, () => newId());
  for (const id of ids) expect(id).toMatch(/^[\da-f]{8}-[\da-f]{4}-7[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/);
  expect(new Set(ids).size).toBe(1_000);
});

test('a later id is greater, so that lists show what was written last where people look for it', () => {
  expect(newId(1_763_000_000_000) < newId(1_763_000_000_001)).toBe(true);
  expect(newId(1_763_000_000_000).startsWith('019a7afd-1e00-7')).toBe(true);
});
