import { memo } from 'react';
import { Link } from 'wouter';
import { formatMoney } from '../money/money.ts';
import { SyncBadge } from '../sync/SyncBadge.tsx';
import { formatDay } from '../ui/time.ts';
import { isSubmitted, type Expense } from './filter.ts';

interface ExpenseRowProps {
  expense: Expense;
  selected: boolean;
}

export const ExpenseRow = memo(function ExpenseRow({ expense: { id, data, sync }, selected }: ExpenseRowProps) {
  const submitted = isSubmitted(data);
  return (
    <Link
      href={`/expenses/${id}`}
      className="list-row expense-row"
      aria-current={selected ? 'true' : undefined}
      data-record-id={id}
      data-sync={sync}
    >
      <span className="row-title">{data.description}</span>
      <span className="row-note">{data.category}</span>
      <span className="row-date">{formatDay(data.spentOn)}</span>
      <span className="row-state">
        <span className={submitted ? 'state state-submitted' : 'state state-draft'}>{submitted ? 'Submitted' : 'Draft'}</span>
      </span>
      <span className="row-amount numeric">{formatMoney(data.amountMinor, data.currency)}</span>
      <span className="row-sync">
        <SyncBadge status={sync} compact={sync === 'synced'} />
      </span>
    </Link>
  );
});
