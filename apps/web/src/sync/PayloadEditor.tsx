import type { OutboxEntry } from 'offline-web';
import { useState, type ReactNode } from 'react';
import { expenseFields, type ExpenseContent, type ExpenseFields } from '../expenses/expense-fields.ts';
import { ExpenseForm } from '../expenses/ExpenseForm.tsx';
import { invoiceFields, type InvoiceContent, type InvoiceFields } from '../invoices/invoice-fields.ts';
import { InvoiceForm } from '../invoices/InvoiceForm.tsx';
import type { FieldErrors } from '../records/field-errors.ts';

interface PayloadEditorProps {
  entry: OutboxEntry;
  /** While it is being stored nothing more can be typed: then it is on its way. */
  busy: boolean;
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

/** The form of the record, filled with what the command says. It keeps to the record that it began with: news of it must not slip under what is typed. */
export function PayloadEditor({ entry, base: newest, ...rest }: PayloadEditorProps) {
  const [base] = useState(newest);
  const said = asObject(entry.payload);
  const known = { ...asObject(base), ...said };
  const payloadOf = (content: object) => relevant(content, entry, base);
  return entry.type.startsWith('EXPENSE') ? (
    <ExpensePayload {...rest} initial={expenseFields(known as Partial<ExpenseContent>)} payloadOf={(content) => ({ expenseId: said['expenseId'], ...payloadOf(content) })} />
  ) : (
    <InvoicePayload {...rest} initial={invoiceFields(known as Partial<InvoiceContent>)} payloadOf={(content) => ({ invoiceId: said['invoiceId'], ...payloadOf(content) })} />
  );
}

interface PayloadProps<Fields> extends Omit<PayloadEditorProps, 'entry' | 'base'> {
  initial: Fields;
  payloadOf: (content: object) => object;
}

function ExpensePayload({ initial, payloadOf, busy, errors, onSave, actions }: PayloadProps<ExpenseFields>) {
  const [fields, setFields] = useState(initial);
  const save = (content: ExpenseContent) => onSave(payloadOf(content));
  return <ExpenseForm fields={fields} onChange={setFields} readOnly={busy} errors={errors} categories={[]} onSave={save} actions={actions} />;
}

function InvoicePayload({ initial, payloadOf, busy, errors, onSave, actions }: PayloadProps<InvoiceFields>) {
  const [fields, setFields] = useState(initial);
  const save = (content: InvoiceContent) => onSave(payloadOf(content));
  return <InvoiceForm fields={fields} onChange={setFields} readOnly={busy} errors={errors} onSave={save} actions={actions} />;
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
