import { useMemo, useState, type ReactNode } from 'react';
import { CURRENCIES } from '../money/money.ts';
import type { FieldErrors } from '../records/field-errors.ts';
import type { InvoiceData } from '../generated/erp.ts';
import { usePartition } from '../session/PartitionContext.tsx';
import { Field } from '../ui/Field.tsx';
import { FormErrors, onCtrlEnter } from '../ui/form.tsx';
import { InvoiceLines } from './InvoiceLines.tsx';
import { InvoiceTotals } from './InvoiceTotals.tsx';
import { previewContent, readInvoice, shownPointer, type InvoiceContent, type InvoiceFields } from './invoice-fields.ts';

interface InvoiceFormProps {
  fields: InvoiceFields;
  onChange: (fields: InvoiceFields) => void;
  /** What the engine or the server said of the fields, by pointer into what was sent. */
  errors: FieldErrors;
  readOnly?: boolean;
  autoFocus?: boolean;
  onSave: (content: InvoiceContent) => void;
  actions: ReactNode;
}

export function InvoiceForm({ fields, onChange, errors, readOnly = false, autoFocus = false, onSave, actions }: InvoiceFormProps) {
  const [unread, setUnread] = useState<FieldErrors>({});
  const preview = useInvoicePreview(fields);
  const shown: FieldErrors = {
    ...Object.fromEntries(Object.entries(errors).map(([pointer, message]) => [shownPointer(pointer, fields.lines), message])),
    ...unread,
  };
  const set = (change: Partial<InvoiceFields>) => {
    setUnread({});
    onChange({ ...fields, ...change });
  };
  const save = () => {
    const read = readInvoice(fields);
    setUnread(read.ok ? {} : read.errors);
    if (read.ok) onSave(read.content);
  };
  const currencies = fields.currency in CURRENCIES ? Object.keys(CURRENCIES) : [fields.currency, ...Object.keys(CURRENCIES)];
  return (
    <form
      className="form invoice-form"
      noValidate
      onKeyDown={onCtrlEnter}
      onSubmit={(event) => {
        event.preventDefault();
        save();
      }}
    >
      <FormErrors errors={shown} known={['/customer', '/currency', ...fields.lines.flatMap((_, index) => LINE_FIELDS.map((name) => `/lines/${index}/${name}`))]} />
      <fieldset disabled={readOnly} className="form-fields">
        <div className="form-row">
          <Field label="Customer" error={shown['/customer']} className="grow">
            {(control) => (
              <input
                {...control}
                className="input"
                autoFocus={autoFocus}
                autoComplete="off"
                placeholder="Who is to pay?"
                value={fields.customer}
                onChange={(event) => set({ customer: event.target.value })}
              />
            )}
          </Field>
          <Field label="Currency" error={shown['/currency']} className="field-currency">
            {(control) => (
              <select {...control} className="input" value={fields.currency} onChange={(event) => set({ currency: event.target.value })}>
                {currencies.map((code) => (
                  <option key={code}>{code}</option>
                ))}
              </select>
            )}
          </Field>
        </div>
        <InvoiceLines
          lines={fields.lines}
          currency={fields.currency}
          errors={shown}
          nets={preview.nets}
          readOnly={readOnly}
          onChange={(lines) => set({ lines })}
        />
      </fieldset>
      <InvoiceTotals invoice={preview.invoice} currency={fields.currency} />
      <div className="form-actions">{actions}</div>
    </form>
  );
}

const LINE_FIELDS = ['description', 'quantity', 'unitPriceMinor', 'taxRateBp'];

interface InvoicePreview {
  /** What the handler makes of what is typed; null while it cannot say. */
  invoice: InvoiceData | null;
  /** The net of each line that it could read, by the line's key. */
  nets: ReadonlyMap<string, number>;
}

/** Asks the engine's handler, the same that the server runs: no sum is worked out here. */
function useInvoicePreview(fields: InvoiceFields): InvoicePreview {
  const { preview } = usePartition();
  return useMemo(() => {
    const { content, keys } = previewContent(fields);
    const id = 'preview';
    const made = preview.of<Partial<InvoiceData>>({ kind: 'invoice', id }, null, 'INVOICE_DRAFT_CREATE_V1', { invoiceId: id, ...content });
    // Without taxes it is what was written, not what the handler made of it: it refused.
    const invoice = made?.taxes === undefined ? null : (made as InvoiceData);
    const nets = new Map(keys.flatMap((key, index) => {
      const line = invoice?.lines[index];
      return line === undefined ? [] : [[key, line.netMinor] as const];
    }));
    return { invoice, nets };
  }, [preview, fields]);
}
