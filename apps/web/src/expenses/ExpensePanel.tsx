import { Send, X } from 'lucide-react';
import { useState } from 'react';
import { Link, useLocation } from 'wouter';
import type { ExpenseData } from '../generated/erp.ts';
import { ChangedMeanwhile } from '../records/ChangedMeanwhile.tsx';
import { newId } from '../records/new-id.ts';
import { RecordFooter } from '../records/RecordFooter.tsx';
import { RecordMissing } from '../records/RecordMissing.tsx';
import { useErpCommand } from '../records/useErpCommand.ts';
import { useHeldRecord } from '../records/useHeldRecord.ts';
import type { Records } from '../records/useRecords.ts';
import { ParkedNotice } from '../sync/ParkedNotice.tsx';
import { SyncBadge } from '../sync/SyncBadge.tsx';
import { Button } from '../ui/Button.tsx';
import { today } from '../ui/time.ts';
import { useNarrow } from '../ui/useNarrow.ts';
import { ExpenseForm } from './ExpenseForm.tsx';
import { createPayload, emptyExpense, expenseFields, updatePayload, type ExpenseContent } from './expense-fields.ts';
import { isSubmitted, type Expense } from './filter.ts';

interface ExpensePanelProps {
  /** `new` for one that is to be. */
  id: string;
  list: Records<ExpenseData>;
  categories: readonly string[];
}

export function ExpensePanel({ id, list, categories }: ExpensePanelProps) {
  const expense = list.records.find((one) => one.id === id);
  return (
    <aside className="split-panel" aria-label={id === 'new' ? 'New expense' : 'Expense'}>
      {id === 'new' ? (
        <NewExpense categories={categories} currency={list.records.at(-1)?.data.currency ?? 'EUR'} />
      ) : expense === undefined ? (
        <RecordMissing noun="expense" back="/expenses" list={list} />
      ) : (
        <ExistingExpense expense={expense} categories={categories} />
      )}
    </aside>
  );
}

function PanelHeader({ title, badge }: { title: string; badge?: Expense['sync'] }) {
  // On a phone the panel is the page.
  const Heading = useNarrow() ? 'h1' : 'h2';
  return (
    <header className="panel-header">
      <Heading>{title}</Heading>
      {badge !== undefined && <SyncBadge status={badge} />}
      <Link className="icon-button" href="/expenses" aria-label="Close">
        <X size={18} aria-hidden />
      </Link>
    </header>
  );
}

function NewExpense({ categories, currency }: { categories: readonly string[]; currency: string }) {
  const [, navigate] = useLocation();
  const { run, busy, errors } = useErpCommand('EXPENSE_CREATE_V1');
  const [expenseId] = useState(newId);
  const save = async (content: ExpenseContent) => {
    if (await run(createPayload(expenseId, content))) navigate(`/expenses/${expenseId}`, { replace: true });
  };
  return (
    <>
      <PanelHeader title="New expense" />
      <ExpenseForm
        initial={emptyExpense(currency, today())}
        errors={errors}
        categories={categories}
        autoFocus
        onSave={(content) => void save(content)}
        actions={() => (
          <>
            <Button type="submit" variant="primary" busy={busy}>
              Save expense
            </Button>
            <Link className="button button-quiet" href="/expenses">
              Cancel
            </Link>
          </>
        )}
      />
    </>
  );
}

function ExistingExpense({ expense, categories }: { expense: Expense; categories: readonly string[] }) {
  const { id, data, expected, sync } = expense;
  const { base, changedMeanwhile, onDirty, release } = useHeldRecord(expense);
  const save = useErpCommand('EXPENSE_UPDATE_V1');
  const submit = useErpCommand('EXPENSE_SUBMIT_V1');
  const fixed = isSubmitted(data) || sync === 'conflict' || sync === 'failed' || sync === 'held';
  const saveChanges = async (content: ExpenseContent) => {
    const payload = updatePayload(id, base.data, content);
    if (payload === null || (await save.run(payload, { expected: base.expected }))) release();
  };
  const submitNow = () => void submit.run({ expenseId: id }, { expected });
  const buttons = (dirty: boolean) => (
    <>
      <Button type="submit" variant={dirty ? 'primary' : 'plain'} busy={save.busy} disabled={!dirty}>
        Save changes
      </Button>
      <Button icon={Send} variant={dirty ? 'plain' : 'primary'} busy={submit.busy} disabled={dirty} title={dirty ? 'Save the changes first' : undefined} onClick={submitNow}>
        Submit
      </Button>
    </>
  );
  return (
    <>
      <PanelHeader title={isSubmitted(data) ? 'Submitted expense' : 'Draft expense'} badge={sync} />
      <ParkedNotice kind="expense" id={id} />
      {changedMeanwhile && <ChangedMeanwhile onRelease={release} />}
      <ExpenseForm
        key={JSON.stringify([expenseFields(base.data), fixed])}
        initial={expenseFields(base.data)}
        errors={{ ...submit.errors, ...save.errors }}
        categories={categories}
        readOnly={fixed}
        onDirty={onDirty}
        onSave={(content) => void saveChanges(content)}
        actions={(dirty) => !fixed && buttons(dirty)}
      />
      <RecordFooter record={expense} />
    </>
  );
}
