import { Plus, Receipt, Search } from 'lucide-react';
import { useDeferredValue, useMemo, useRef, useState } from 'react';
import { Link, useLocation } from 'wouter';
import { useShortcuts } from '../app/shortcuts.ts';
import { useTitle } from '../app/useTitle.ts';
import { useRecords } from '../records/useRecords.ts';
import { ListStatus } from '../records/ListStatus.tsx';
import { usePartition } from '../session/PartitionContext.tsx';
import { Segmented } from '../ui/Segmented.tsx';
import { Button } from '../ui/Button.tsx';
import { EmptyState, SkeletonRows } from '../ui/states.tsx';
import { VirtualList } from '../ui/VirtualList.tsx';
import { useNarrow } from '../ui/useNarrow.ts';
import { ExpensePanel } from './ExpensePanel.tsx';
import { ExpenseRow } from './ExpenseRow.tsx';
import { filterExpenses, sortExpenses, type Expense, type ExpenseFilter } from './filter.ts';

/** The list, and beside it (over it on a small screen) the expense `id`, or a new one for `new`. */
export function ExpensesPage({ id }: { id: string | null }) {
  const [, navigate] = useLocation();
  const { drafts } = usePartition();
  const list = useRecords('expense');
  const recordId = id === 'new' ? drafts.nextId('expense') : id;
  useTitle('Expenses');
  const [filter, setFilter] = useState<ExpenseFilter>('all');
  const [search, setSearch] = useState('');
  const searchBox = useRef<HTMLInputElement>(null);
  const wanted = useDeferredValue(search);
  const narrow = useNarrow();
  const sorted = useMemo(() => sortExpenses(list.records), [list.records]);
  const shown = useMemo(() => filterExpenses(sorted, filter, wanted), [sorted, filter, wanted]);
  const categories = useMemo(() => categoriesOf(sorted), [sorted]);
  const unsynced = useMemo(() => sorted.filter(({ sync }) => sync !== 'synced').length, [sorted]);
  const move = (step: 1 | -1) => {
    const next = shown[Math.max(0, shown.findIndex((expense) => expense.id === id) + step)];
    if (next !== undefined) navigate(`/expenses/${next.id}`, { replace: id !== null });
  };
  useShortcuts({
    n: () => navigate('/expenses/new'),
    '/': () => searchBox.current?.focus(),
    ArrowDown: () => move(1),
    ArrowUp: () => move(-1),
    Escape: () => navigate('/expenses'),
  });

  return (
    <div className={id === null ? 'split' : 'split split-open'}>
      <section className="split-list" aria-label="Expenses">
        <header className="page-header">
          <div>
            <h1>Expenses</h1>
            <ListStatus list={list} shown={shown.length} noun={['expense', 'expenses']} />
          </div>
          <Link className="button button-primary" href="/expenses/new">
            <Plus size={16} aria-hidden />
            <span>New expense</span>
          </Link>
        </header>
        <div className="toolbar">
          <label className="search">
            <Search size={16} aria-hidden />
            <span className="visually-hidden">Search expenses</span>
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
              { value: 'draft', label: 'Drafts' },
              { value: 'submitted', label: 'Submitted' },
              { value: 'unsynced', label: 'Unsynced', count: unsynced },
            ]}
          />
        </div>
        {list.state === 'loading' && sorted.length === 0 ? (
          <SkeletonRows label="Loading expenses" />
        ) : shown.length === 0 ? (
          <NoExpenses any={sorted.length > 0} onShowAll={showAll} />
        ) : (
          <VirtualList
            label="Expenses"
            items={shown}
            idOf={idOf}
            rowHeight={narrow ? 68 : 52}
            selectedId={id}
          >
            {(expense) => <ExpenseRow expense={expense} selected={expense.id === id} />}
          </VirtualList>
        )}
      </section>
      {recordId !== null && <ExpensePanel key={recordId} id={recordId} isNew={id === 'new'} list={list} categories={categories} />}
    </div>
  );

  function showAll() {
    setFilter('all');
    setSearch('');
  }
}

function NoExpenses({ any, onShowAll }: { any: boolean; onShowAll: () => void }) {
  if (any) {
    return (
      <EmptyState icon={Search} title="Nothing matches" action={<Button onClick={onShowAll}>Show all</Button>}>
        No expense fits the search and the filter.
      </EmptyState>
    );
  }
  return (
    <EmptyState
      icon={Receipt}
      title="No expenses yet"
      action={
        <Link className="button button-primary" href="/expenses/new">
          <Plus size={16} aria-hidden />
          <span>New expense</span>
        </Link>
      }
    >
      Write one down now; it is kept on this device and sent when the server answers.
    </EmptyState>
  );
}

function idOf({ id }: Expense): string {
  return id;
}

/** The most used first. */
function categoriesOf(expenses: readonly Expense[]): string[] {
  const uses = new Map<string, number>();
  for (const { category } of expenses.map(({ data }) => data)) if (category) uses.set(category, (uses.get(category) ?? 0) + 1);
  return [...uses].sort((a, b) => b[1] - a[1]).slice(0, 20).map(([category]) => category);
}
