import { StrictMode } from 'react';
import type { ReactNode } from 'react';
import { renderToString } from 'react-dom/server';
import { act, cleanup, render, renderHook } from '@testing-library/react';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { OutboxEntry, RecordSync } from 'offline-web';
import { OfflineProvider, useCommand, useConnectivity, useOfflineClient, useOutbox, useOverlay, useRecordSync, useSyncStatus } from '../index.ts';
import { createFakeClient } from './fake-client.ts';
import type { FakeClient } from './fake-client.ts';

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

const PENDING: RecordSync = { status: 'pending', commands: [] };
const within =
  (fake: FakeClient) =>
  ({ children }: { children: ReactNode }): ReactNode => (
    <StrictMode>
      <OfflineProvider client={fake.client}>{children}</OfflineProvider>
    </StrictMode>
  );

describe('the provider', () => {
  it('is missed with a clear word', () => {
    vi.spyOn(console, 'error').mockImplementation(() => undefined);
    expect(() => renderHook(() => useOfflineClient())).toThrow('useOfflineClient needs an <OfflineProvider> above it.');
    vi.restoreAllMocks();
  });

  it('moves every hook to another client', () => {
    const [one, two] = [createFakeClient(), createFakeClient()];
    two.status({ phase: 'paused' });
    const Phase = (): ReactNode => useSyncStatus().phase;
    const page = (fake: FakeClient): ReactNode => (
      <OfflineProvider client={fake.client}>
        <Phase />
      </OfflineProvider>
    );
    const { container, rerender } = render(page(one));
    expect(container.textContent).toBe('idle');
    rerender(page(two));
    expect(container.textContent).toBe('paused');
    expect(one.listeners()).toBe(0);
  });
});

describe('state hooks', () => {
  it('follow the client and let go when they unmount, in StrictMode too', () => {
    const fake = createFakeClient();
    const { result, unmount } = renderHook(() => [useSyncStatus().phase, useConnectivity().verdict, useOutbox().entries.length], { wrapper: within(fake) });
    expect(result.current).toEqual(['idle', 'online', 0]);
    fake.status({ phase: 'syncing' });
    fake.outbox({ entries: [{ commandId: 'c1' } as OutboxEntry] });
    expect(result.current).toEqual(['syncing', 'online', 1]);
    expect(fake.listeners()).toBe(3);
    unmount();
    expect(fake.listeners()).toBe(0);
  });

  it('render on a server without the outbox being touched', () => {
    const fake = createFakeClient();
    fake.outbox({ entries: [{ commandId: 'c1' } as OutboxEntry] });
    const Page = (): ReactNode => `${useSyncStatus().phase} ${useOutbox().ready} ${useRecordSync('expense', '1').status}`;
    expect(renderToString(<OfflineProvider client={fake.client}><Page /></OfflineProvider>)).toBe('starting false synced');
  });

  it('render one row when one record changes', () => {
    const fake = createFakeClient();
    const renders = new Map<string, number>();
    const Row = ({ id }: { id: string }): ReactNode => {
      renders.set(id, (renders.get(id) ?? 0) + 1);
      return <li>{useRecordSync('expense', id).status}</li>;
    };
    const rows = Array.from({ length: 500 }, (_, n) => String(n));
    const { container } = render(
      <OfflineProvider client={fake.client}>
        <ul>{rows.map((id) => <Row key={id} id={id} />)}</ul>
      </OfflineProvider>,
    );
    renders.clear();
    fake.record('expense', '7', PENDING);
    expect([...renders]).toEqual([['7', 1]]);
    expect(container.querySelectorAll('li')[7]?.textContent).toBe('pending');
  });

  it('follow another record when the id changes', () => {
    const fake = createFakeClient();
    fake.record('expense', '2', PENDING);
    const { result, rerender } = renderHook(({ id }) => useRecordSync('expense', id).status, { wrapper: within(fake), initialProps: { id: '1' } });
    expect(result.current).toBe('synced');
    rerender({ id: '2' });
    expect(result.current).toBe('pending');
    expect(fake.listeners()).toBe(1);
  });

  it('overlay anew when the outbox changes, and not otherwise', () => {
    const fake = createFakeClient();
    const overlay = vi.spyOn(fake.client, 'overlay');
    const list = [{ id: '1', version: 1, data: {}, updatedAt: '2026-01-01T00:00:00.000Z', updatedBy: 'ben' }];
    const { result, rerender } = renderHook(({ records }) => useOverlay('expense', records), {
      wrapper: ({ children }) => <OfflineProvider client={fake.client}>{children}</OfflineProvider>,
      initialProps: { records: undefined as typeof list | undefined },
    });
    expect(result.current).toEqual([]);
    rerender({ records: list });
    const before = result.current;
    expect(before).toMatchObject([{ id: '1', commandIds: [] }]);
    fake.status({ phase: 'syncing' });
    rerender({ records: list });
    expect(result.current).toBe(before);
    fake.outbox({ entries: [{ commandId: 'c1' } as OutboxEntry] });
    expect(result.current).toMatchObject([{ id: '1', commandIds: ['c1'] }]);
    expect(overlay).toHaveBeenCalledTimes(3);
  });
});

describe('useCommand', () => {
  interface Create {
    expenseId: string;
  }
  const mount = (fake: FakeClient, options = {}) =>
    renderHook(() => useCommand<Create>('EXPENSE_CREATE_V1', options), { wrapper: within(fake) });

  it('goes from idle over saving to saved, and back on reset', async () => {
    const fake = createFakeClient();
    const { result } = mount(fake);
    expect(result.current.state).toBe('idle');
    act(() => result.current.send({ expenseId: '1' }, { durability: 'relaxed' }));
    expect(result.current.state).toBe('saving');
    expect(fake.commands).toEqual([{ type: 'EXPENSE_CREATE_V1', payload: { expenseId: '1' }, durability: 'relaxed' }]);
    await fake.settle();
    expect(result.current).toMatchObject({ state: 'saved', error: null, saved: { commandId: 'c1' } });
    act(() => result.current.reset());
    expect(result.current).toMatchObject({ state: 'idle', saved: null });
  });

  it('shows the error and can be sent again', async () => {
    const fake = createFakeClient();
    const { result } = mount(fake);
    act(() => result.current.send({ expenseId: '1' }));
    await fake.settle(new Error('full'));
    expect(result.current).toMatchObject({ state: 'error', error: { message: 'full' } });
    act(() => result.current.send({ expenseId: '1' }));
    expect(result.current).toMatchObject({ state: 'saving', error: null });
    await fake.settle();
    expect(result.current.state).toBe('saved');
  });

  it('rejects to who awaits', async () => {
    const fake = createFakeClient();
    const { result } = mount(fake);
    let outcome: unknown;
    act(() => {
      outcome = result.current.enqueue({ expenseId: '1' }).catch((error: unknown) => error);
    });
    await fake.settle(new Error('full'));
    expect(await outcome).toMatchObject({ message: 'full' });
  });

  it('takes two quick clicks for one intent, and a later one for another', async () => {
    const fake = createFakeClient();
    const { result } = mount(fake);
    act(() => {
      const first = result.current.enqueue({ expenseId: '1' });
      expect(result.current.enqueue({ expenseId: '1' })).toBe(first);
    });
    expect(fake.commands).toHaveLength(1);
    await fake.settle();
    act(() => result.current.send({ expenseId: '2' }));
    expect(fake.commands).toHaveLength(2);
  });

  it('makes a command per call when told so, and shows the end of the last one', async () => {
    const fake = createFakeClient();
    const { result } = mount(fake, { concurrent: true });
    act(() => {
      result.current.send({ expenseId: '1' });
      result.current.send({ expenseId: '2' });
    });
    expect(fake.commands).toHaveLength(2);
    await fake.settle();
    expect(result.current.state).toBe('saving');
    await fake.settle();
    expect(result.current).toMatchObject({ state: 'saved', saved: { commandId: 'c2' } });
  });

  it('stays silent in a component that is gone, but not about a write that was not stored', async () => {
    const fake = createFakeClient();
    const { result, unmount } = mount(fake);
    act(() => result.current.send({ expenseId: '1' }));
    unmount();
    const uncaught = vi.fn();
    vi.stubGlobal('reportError', uncaught);
    await fake.settle(new Error('full'));
    await vi.waitFor(() => expect(uncaught).toHaveBeenCalledExactlyOnceWith(new Error('full')));
  });

  it('keeps its functions between renders', () => {
    const fake = createFakeClient();
    const { result, rerender } = mount(fake);
    const before = result.current;
    rerender();
    expect(result.current).toBe(before);
  });
});
