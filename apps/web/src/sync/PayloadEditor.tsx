import type { OutboxEntry } from 'offline-web';
import type { ReactNode } from 'react';
import { expenseFields, type ExpenseContent } from '../expenses/expense-fields.ts';
import { ExpenseForm } from '../expenses/ExpenseForm.tsx';
import { invoiceFields, type InvoiceContent } from '../invoices/invoice-fields.ts';
import { InvoiceForm } from '../invoices/InvoiceForm.tsx';
import type { FieldErrors } from '../records/field-errors.ts';

interface PayloadEditorProps {
  entry: OutboxEntry;
  /** What the record looks like without this command, as far as known. */
  base: unknown;
  errors: FieldErrors;
  onSave: (payload: unknown) => void;
  actions: ReactNode;
}

/** Whether a command of this type says something that can be said differently. */
export function isEditable(type: string): boolean {
  return /^(?:EXPENSE|INVOICE_DRAFT)_(?:CREATE|UPDATE)_V\d+$/u.test(type);
}

/** The form of the record, filled with what the command says. */
export function PayloadEditor({ entry, base, errors, onSave, actions }: PayloadEditorProps) {
  const said = asObject(entry.payload);
  const known = { ...asObject(base), ...said };
  if (entry.type.startsWith('EXPENSE')) {
    return (
      <ExpenseForm
        initial={expenseFields(known as Partial<ExpenseContent>)}
        errors={errors}
        categories={[]}
        onSave={(content) => onSave({ expenseId: said['expenseId'], ...relevant(content, entry, base) })}
        actions={() => actions}
      />
    );
  }
  return (
    <InvoiceForm
      initial={invoiceFields(known as Partial<InvoiceContent>)}
      errors={errors}
      onSave={(content) => onSave({ invoiceId: said['invoiceId'], ...relevant(content, entry, base) })}
      actions={() => actions}
    />
  );
}

/** All of a creation; of an update what it said before, and what differs from the record now. A creation leaves out what is empty. */
function relevant(content: object, { type, payload }: OutboxEntry, base: unknown): object {
  const fields = Object.entries(content);
  if (type.includes('_CREATE_')) return Object.fromEntries(fields.filter(([, value]) => value !== null));
  const said = asObject(payload);
  const before = asObject(base);
  return Object.fromEntries(fields.filter(([field, value]) => field in said || (field in before && !same(before[field], value))));
}

/** Lines of a record carry sums that those of a payload do not: only what both have is compared. */
function same(before: unknown, after: unknown): boolean {
  if (!Array.isArray(before) || !Array.isArray(after)) return before === after;
  return (
    before.length === after.length &&
    after.every((line: unknown, index) => Object.entries(asObject(line)).every(([field, value]) => asObject(before[index])[field] === value))
  );
}

function asObject(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
