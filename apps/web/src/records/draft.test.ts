import type { OutboxEntry, OutboxSnapshot, OverlaidRecord } from 'offline-web';
import { expect, test } from 'vitest';
import { changedMeanwhile, saved, settled, typed, type Draft } from './draft.ts';

interface Note {
  title: string;
  text: string;
}

const fieldsOf = ({ title, text }: Note): Note => ({ title, text });

const record = (data: Note, version: number, change: Partial<OverlaidRecord<Note>> = {}): OverlaidRecord<Note> => ({
  id: 'n1', data, version, updatedAt: null, updatedBy: null, sync: 'synced', expected: { version }, commandIds: [], ...change,
});
const outbox = (...commandIds: string[]): OutboxSnapshot => ({
  ready: true, entries: commandIds.map((commandId) => ({ commandId }) as OutboxEntry), truncated: false, journal: [],
});
const OLD: Note = { title: 'Old', text: 'Text' };
const untouched: Draft<Note, Note> = { base: { data: OLD, version: 1, expected: { version: 1 } }, fields: OLD, dirty: false, saving: false, awaits: null };
const type = (draft: Draft<Note, Note>, change: Partial<Note>) => typed(draft, draft.base?.data ?? OLD, { ...draft.fields, ...change });

test('what is typed while a save is under way stays, on top of what was saved', () => {
  const sent = type(untouched, { title: 'New' });
  const now = type(sent, { text: 'More' });
  const after = saved(fieldsOf, now, sent.fields, { ...OLD, title: 'New' }, 'c1');
  expect(after).toMatchObject({ fields: { title: 'New', text: 'More' }, dirty: true, awaits: 'c1', base: { expected: { after: 'c1' } } });
});

test('a saved field that is typed into again stays as typed', () => {
  const sent = type(untouched, { title: 'New' });
  const after = saved(fieldsOf, type(sent, { title: 'Newer' }), sent.fields, { ...OLD, title: 'New' }, 'c1');
  expect(after).toMatchObject({ fields: { title: 'Newer' }, dirty: true });
});

test('what is saved is shown as the record will have it, and is no longer unsaved', () => {
  const sent = type(untouched, { title: ' New ' });
  expect(saved(fieldsOf, sent, sent.fields, { ...OLD, title: 'New' }, 'c1')).toMatchObject({ fields: { title: 'New' }, dirty: false });
});

test('a record that does not hold the own save yet neither takes it back nor counts as a change of somebody', () => {
  const after = saved(fieldsOf, untouched, OLD, { ...OLD, title: 'New' }, 'c1');
  const behind = record(OLD, 1);
  expect(settled(fieldsOf, after, behind, outbox())).toBe(after);
  expect(changedMeanwhile(after, behind)).toBe(false);
});

test.each([
  ['the outbox holds it', record({ ...OLD, title: 'New' }, 1, { commandIds: ['c1'], expected: { after: 'c1' } }), outbox('c1')],
  ['the server has it', record({ ...OLD, title: 'New' }, 2), outbox()],
])('once %s, the draft builds on the record and what is typed stays', (_, shown, snapshot) => {
  const sent = type(untouched, { title: 'New' });
  const after = saved(fieldsOf, type(sent, { text: 'More' }), sent.fields, { ...OLD, title: 'New' }, 'c1');
  const then = settled(fieldsOf, after, shown, snapshot);
  expect(then).toMatchObject({ fields: { title: 'New', text: 'More' }, dirty: true, awaits: null, base: { expected: shown.expected } });
  expect(settled(fieldsOf, then, shown, snapshot)).toBe(then);
});

test('news of others wait while something is typed, and are told', () => {
  const draft = type(untouched, { title: 'Mine' });
  const news = record({ ...OLD, text: 'Theirs' }, 2);
  expect(settled(fieldsOf, draft, news, outbox())).toBe(draft);
  expect(changedMeanwhile(draft, news)).toBe(true);
});

test('news of others are shown while nothing is typed', () => {
  const news = record({ ...OLD, text: 'Theirs' }, 2);
  expect(settled(fieldsOf, untouched, news, outbox())).toMatchObject({ fields: { text: 'Theirs' }, dirty: false, base: { version: 2 } });
});

test('typing a text back to what it was leaves nothing unsaved', () => {
  expect(type(type(untouched, { title: 'x' }), { title: 'Old' }).dirty).toBe(false);
});

test('a new record is on top of nothing until it is saved, then on top of its own creation', () => {
  const blank: Draft<Note, Note> = { base: null, fields: { title: '', text: '' }, dirty: false, saving: false, awaits: null };
  const sent = typed(blank, blank.fields, { title: 'New', text: '' });
  expect(settled(fieldsOf, sent, undefined, outbox())).toBe(sent);
  const after = saved(fieldsOf, typed(sent, blank.fields, { title: 'New', text: 'typed on' }), sent.fields, sent.fields, 'c1');
  expect(after).toMatchObject({ base: { version: 0, expected: { after: 'c1' } }, fields: { text: 'typed on' }, dirty: true });
});
