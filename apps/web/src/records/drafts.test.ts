import { expect, test } from 'vitest';
import type { Draft } from './draft.ts';
import { createDrafts } from './drafts.ts';

const draft = (dirty: boolean): Draft<null, object> => ({ base: null, fields: {}, dirty, saving: false, awaits: null });

test('a draft stays the same object until it is set again, and listeners are told', () => {
  const drafts = createDrafts();
  let told = 0;
  const stop = drafts.subscribe(() => (told += 1));
  const one = draft(true);
  drafts.set('a', one);
  expect([drafts.get('a'), drafts.get('b'), told]).toEqual([one, null, 1]);
  stop();
  drafts.set('a', null);
  expect([drafts.get('a'), told]).toEqual([null, 1]);
});

test('only what is typed and not saved is worth a warning', () => {
  const drafts = createDrafts();
  drafts.set('a', draft(false));
  expect(drafts.dirty).toBe(false);
  drafts.set('b', draft(true));
  expect(drafts.dirty).toBe(true);
});

test('a new record has one id until it is made', () => {
  const drafts = createDrafts();
  const first = drafts.nextId('expense');
  expect(drafts.nextId('expense')).toBe(first);
  expect(drafts.nextId('invoice')).not.toBe(first);
  drafts.renew('expense');
  expect(drafts.nextId('expense')).not.toBe(first);
});
