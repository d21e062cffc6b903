import { Send, X } from 'lucide-react';
import { Link } from 'wouter';
import type { ExpenseData } from '../generated/erp.ts';
import { ChangedMeanwhile } from '../records/ChangedMeanwhile.tsx';
import { RecordFooter } from '../records/RecordFooter.tsx';
import { RecordMissing } from '../records/RecordMissing.tsx';
import { useDraft, type DraftForm } from '../records/useDraft.ts';
import { useErpCommand } from '../records/useErpCommand.ts';
import { useNewRecord } from '../records/useNewRecord.ts';
import type { Records } from '../records/useRecords.ts';
import { ParkedNotice } from '../sync/ParkedNotice.tsx';
import { SyncBadge } from '../sync/SyncBadge.tsx';
import { Button } from '../ui/Button.tsx';
import { today } from '../ui/time.ts';
import { useNarrow } from '../ui/useNarrow.ts';
import { ExpenseForm } from './ExpenseForm.tsx';
import { createPayload, emptyExpense, expenseFields, updatePayload, type ExpenseContent, type ExpenseFields } from './expense-fields.ts';
import { isSubmitted, type Expense } from './filter.ts';

interface ExpensePanelProps {
  /** Of a new one: the id that it is going to have. */
  id: string;
  /** Whether the address asks for a new one. */
  isNew: boolean;
  list: Records<ExpenseData>;
  categories: readonly string[];
}

/** One expense, or one that is to be: the same form before and after it is made, so that nobody is interrupted in typing. */
export function ExpensePanel({ id, isNew, list, categories }: ExpensePanelProps) {
  const expense = list.records.find((one) => one.id === id);
  const empty = emptyExpense(list.records.at(-1)?.data.currency ?? 'EUR', today());
  const draft = useDraft<ExpenseContent, ExpenseFields>(expenseFields, id, expense, empty);
  return (
    <aside className="split-panel" aria-label={isNew ? 'New expense' : 'Expense'}>
      {draft.base === null && !isNew ? (
        <RecordMissing noun="expense" back="/expenses" list={list} />
      ) : (
        <ExpenseEditor id={id} expense={expense} draft={draft} categories={categories} />
      )}
    </aside>
  );
}

function PanelHeader({ title, badge }: { title: string; badge?: Expense['sync'] | undefined }) {
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

interface EditorProps {
  id: string;
  /** Absent while this device does not show it yet. */
  expense: Expense | undefined;
  draft: DraftForm<ExpenseContent, ExpenseFields>;
  categories: readonly string[];
}

function ExpenseEditor({ id, expense, draft, categories }: EditorProps) {
  const { base, fields, dirty } = draft;
  const { made, cancel } = useNewRecord('expense', id, '/expenses');
  const create = useErpCommand('EXPENSE_CREATE_V1');
  const update = useErpCommand('EXPENSE_UPDATE_V1');
  const submit = useErpCommand('EXPENSE_SUBMIT_V1');
  const submitted = expense !== undefined && isSubmitted(expense.data);
  const fixed = submitted || expense?.sync === 'conflict' || expense?.sync === 'failed' || expense?.sync === 'held';

  const save = async (content: ExpenseContent) => {
    if (base === null) {
      if (await draft.save(content, () => create.run(createPayload(id, content)))) made();
      return;
    }
    const payload = updatePayload(id, base.data, content);
    if (payload === null) draft.release();
    else await draft.save({ ...base.data, ...content }, () => update.run(payload, { expected: base.expected }));
  };
  const buttons =
    base === null ? (
      <>
        <Button type="submit" variant="primary" busy={draft.saving}>
          Save expense
        </Button>
        <Button variant="quiet" onClick={cancel}>
          Cancel
        </Button>
      </>
    ) : (
      <>
        <Button type="submit" variant={dirty ? 'primary' : 'plain'} busy={draft.saving} disabled={!dirty}>
          Save changes
        </Button>
        <Button
          icon={Send}
          variant={dirty ? 'plain' : 'primary'}
          busy={submit.busy}
          disabled={dirty || draft.saving}
          title={dirty ? 'Save the changes first' : undefined}
          onClick={() => void submit.run({ expenseId: id }, { expected: base.expected })}
        >
          Submit
        </Button>
        {dirty && !draft.saving && (
          <Button variant="quiet" onClick={draft.release}>
            Undo
          </Button>
        )}
      </>
    );
  return (
    <>
      <PanelHeader title={base === null ? 'New expense' : submitted ? 'Submitted expense' : 'Draft expense'} badge={expense?.sync} />
      {base !== null && <ParkedNotice kind="expense" id={id} />}
      {draft.changedMeanwhile && <ChangedMeanwhile onRelease={draft.release} />}
      <ExpenseForm
        fields={fields}
        onChange={draft.type}
        errors={{ ...submit.errors, ...update.errors, ...create.errors }}
        categories={categories}
        readOnly={fixed || submit.busy}
        autoFocus={base === null}
        onSave={(content) => void save(content)}
        actions={!fixed && buttons}
      />
      {expense !== undefined && <RecordFooter record={expense} />}
    </>
  );
}
