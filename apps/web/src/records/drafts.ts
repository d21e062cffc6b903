import type { Draft } from './draft.ts';
import { newId } from './new-id.ts';

/** What is typed and not saved, of one partition: it lasts as long as the page, whatever is shown meanwhile. Ids are unique, whatever their kind. */
export interface Drafts {
  /** The draft of that id; the same object until it changes. Whoever put it there knows what is in it. */
  get<Data, Fields>(id: string): Draft<Data, Fields> | null;
  /** Null takes it away. */
  set<Data, Fields>(id: string, draft: Draft<Data, Fields> | null): void;
  subscribe(listener: () => void): () => void;
  /** Whether anything is typed that a reload would throw away. */
  readonly dirty: boolean;
  /** The id of the record of a kind that is to be made next; the same one until `made` or a draft thrown away. */
  nextId(kind: string): string;
  /** The record of `nextId` has been made, or is not going to be. */
  renew(kind: string): void;
}

export function createDrafts(): Drafts {
  const drafts = new Map<string, Draft<unknown, unknown>>();
  const nextIds = new Map<string, string>();
  const listeners = new Set<() => void>();
  return {
    get: <Data, Fields>(id: string) => (drafts.get(id) as Draft<Data, Fields> | undefined) ?? null,
    set(id, draft) {
      if (draft === null) drafts.delete(id);
      else drafts.set(id, draft);
      for (const listener of [...listeners]) listener();
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    get dirty() {
      return [...drafts.values()].some((draft) => draft.dirty);
    },
    nextId(kind) {
      const known = nextIds.get(kind) ?? newId();
      nextIds.set(kind, known);
      return known;
    },
    renew: (kind) => void nextIds.delete(kind),
  };
}
