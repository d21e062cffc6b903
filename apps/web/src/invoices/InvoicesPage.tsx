import { FileText, Plus, Search } from 'lucide-react';
import { useDeferredValue, useMemo, useRef, useState } from 'react';
import type { OverlaidRecord } from 'offline-web';
import { Link, useLocation } from 'wouter';
import { useShortcuts } from '../app/shortcuts.ts';
import { useTitle } from '../app/useTitle.ts';
import type { InvoiceData } from '../generated/erp.ts';
import { formatMoney } from '../money/money.ts';
import { ListStatus } from '../records/ListStatus.tsx';
import { useRecords } from '../records/useRecords.ts';
import { usePartition } from '../session/PartitionContext.tsx';
import { SyncBadge } from '../sync/SyncBadge.tsx';
import { Button } from '../ui/Button.tsx';
import { EmptyState, SkeletonRows } from '../ui/states.tsx';
import { Segmented } from '../ui/Segmented.tsx';
import { formatMoment } from '../ui/time.ts';
import { useNarrow } from '../ui/useNarrow.ts';
import { VirtualList } from '../ui/VirtualList.tsx';
import { InvoiceEditor } from './InvoiceEditor.tsx';

type Invoice = OverlaidRecord<InvoiceData>;
type InvoiceFilter = 'all' | 'unsynced';

/** The list, or in its place the invoice `id`, or a new one for `new`. */
export function InvoicesPage({ id }: { id: string | null }) {
  const [, navigate] = useLocation();
  const { drafts } = usePartition();
  const list = useRecords('invoice');
  useTitle('Invoices');
  const [filter, setFilter] = useState<InvoiceFilter>('all');
  const [search, setSearch] = useState('');
  const searchBox = useRef<HTMLInputElement>(null);
  const wanted = useDeferredValue(search);
  const narrow = useNarrow();
  useShortcuts({
    n: () => navigate('/invoices/new'),
    '/': () => searchBox.current?.focus(),
    Escape: () => navigate('/invoices'),
  });
  const sorted = useMemo(() => sortInvoices(list.records), [list.records]);
  const shown = useMemo(() => filterInvoices(sorted, filter, wanted), [sorted, filter, wanted]);
  const unsynced = useMemo(() => sorted.filter(({ sync }) => sync !== 'synced').length, [sorted]);
  if (id !== null) {
    const recordId = id === 'new' ? drafts.nextId('invoice') : id;
    return <InvoiceEditor key={recordId} id={recordId} isNew={id === 'new'} list={list} />;
  }
  return (
    <section className="split-list" aria-label="Invoices">
      <header className="page-header">
        <div>
          <h1>Invoices</h1>
          <ListStatus list={list} shown={shown.length} noun={['draft', 'drafts']} />
        </div>
        <NewInvoice />
      </header>
      <div className="toolbar">
        <label className="search">
          <Search size={16} aria-hidden />
          <span className="visually-hidden">Search invoices</span>
          <input
            ref={searchBox}
            type="search"
            placeholder="Search"
            value={search}
            onChange={(event) => setSearch(event.target.value)}
          />
          <kbd aria-hidden>/</kbd>
        </label>
        <Segmented
          label="Show"
          value={filter}
          onChange={setFilter}
          options={[
            { value: 'all', label: 'All' },
            { value: 'unsynced', label: 'Unsynced', count: unsynced },
          ]}
        />
      </div>
      {list.state === 'loading' && sorted.length === 0 ? (
        <SkeletonRows label="Loading invoices" />
      ) : sorted.length === 0 ? (
        <EmptyState icon={FileText} title="No invoices yet" action={<NewInvoice />}>
          Drafts work without a network; the totals are worked out here as on the server.
        </EmptyState>
      ) : shown.length === 0 ? (
        <EmptyState icon={Search} title="Nothing matches" action={<Button onClick={showAll}>Show all</Button>}>
          No invoice fits the search and the filter.
        </EmptyState>
      ) : (
        <VirtualList label="Invoices" items={shown} idOf={idOf} rowHeight={narrow ? 68 : 52}>
          {(invoice) => <InvoiceRow invoice={invoice} />}
        </VirtualList>
      )}
    </section>
  );

  function showAll() {
    setFilter('all');
    setSearch('');
  }
}

function NewInvoice() {
  return (
    <Link className="button button-primary" href="/invoices/new">
      <Plus size={16} aria-hidden />
      <span>New invoice</span>
    </Link>
  );
}

function InvoiceRow({ invoice: { id, data, sync, updatedAt } }: { invoice: Invoice }) {
  const lines = data.lines.length;
  return (
    <Link href={`/invoices/${id}`} className="list-row invoice-row" data-record-id={id} data-sync={sync}>
      <span className="row-title">{data.customer}</span>
      <span className="row-note">
        {lines} {lines === 1 ? 'line' : 'lines'}
      </span>
      <span className="row-date">{updatedAt === null ? 'Not on the server yet' : formatMoment(updatedAt)}</span>
      <span className="row-amount numeric">{formatMoney(data.totalMinor, data.currency)}</span>
      <span className="row-sync">
        <SyncBadge status={sync} compact={sync === 'synced'} />
      </span>
    </Link>
  );
}

function idOf({ id }: Invoice): string {
  return id;
}

/** What the server does not have yet first, then the latest change first; of one moment the later id first. */
function sortInvoices(invoices: readonly Invoice[]): Invoice[] {
  const rank = ({ updatedAt, id }: Invoice) => `${updatedAt ?? '9999'} ${id}`;
  return [...invoices].sort((a, b) => (rank(a) < rank(b) ? 1 : -1));
}

function filterInvoices(invoices: readonly Invoice[], filter: InvoiceFilter, search: string): Invoice[] {
  const words = search.toLowerCase().split(/\s+/u).filter(Boolean);
  return invoices.filter(({ data, sync }) => {
    if (filter === 'unsynced' && sync === 'synced') return false;
    const text = [data.customer, data.currency, formatMoney(data.totalMinor, data.currency), ...data.lines.map((line) => line.description)].join(' ').toLowerCase();
    return words.every((word) => text.includes(word));
  });
}
