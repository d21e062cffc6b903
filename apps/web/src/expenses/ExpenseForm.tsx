import { useId, useState, type ReactNode } from 'react';
import { CURRENCIES, decimalsOf } from '../money/money.ts';
import type { FieldErrors } from '../records/field-errors.ts';
import { Field } from '../ui/Field.tsx';
import { FormErrors, onCtrlEnter } from '../ui/form.tsx';
import { readExpense, type ExpenseContent, type ExpenseFields } from './expense-fields.ts';

interface ExpenseFormProps {
  fields: ExpenseFields;
  onChange: (fields: ExpenseFields) => void;
  /** What the engine or the server said of the fields, by pointer. */
  errors: FieldErrors;
  categories: readonly string[];
  readOnly?: boolean;
  autoFocus?: boolean;
  onSave: (content: ExpenseContent) => void;
  /** The buttons; the one that saves is a submit button. */
  actions: ReactNode;
}

export function ExpenseForm({ fields, onChange, errors, categories, readOnly = false, autoFocus = false, onSave, actions }: ExpenseFormProps) {
  const [unread, setUnread] = useState<FieldErrors>({});
  const listId = useId();
  const shown = { ...errors, ...unread };
  const set = (change: Partial<ExpenseFields>) => {
    setUnread({});
    onChange({ ...fields, ...change });
  };
  const save = () => {
    const read = readExpense(fields);
    setUnread(read.ok ? {} : read.errors);
    if (read.ok) onSave(read.content);
  };
  const currencies = fields.currency in CURRENCIES ? Object.keys(CURRENCIES) : [fields.currency, ...Object.keys(CURRENCIES)];
  return (
    <form
      className="form"
      noValidate
      onKeyDown={onCtrlEnter}
      onSubmit={(event) => {
        event.preventDefault();
        save();
      }}
    >
      <FormErrors errors={shown} known={KNOWN} />
      <fieldset disabled={readOnly} className="form-fields">
        <Field label="Description" error={shown['/description']}>
          {(control) => (
            <input
              {...control}
              className="input"
              autoFocus={autoFocus}
              autoComplete="off"
              placeholder="What was it for?"
              value={fields.description}
              onChange={(event) => set({ description: event.target.value })}
            />
          )}
        </Field>
        <div className="form-row">
          <Field label="Amount" error={shown['/amountMinor']} className="grow">
            {(control) => (
              <input
                {...control}
                className="input numeric"
                inputMode="decimal"
                autoComplete="off"
                placeholder={decimalsOf(fields.currency) === 0 ? '0' : '0.00'}
                value={fields.amount}
                onChange={(event) => set({ amount: event.target.value })}
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
        <div className="form-row">
          <Field label="Date" error={shown['/spentOn']} className="grow">
            {(control) => (
              <input {...control} type="date" className="input" value={fields.spentOn} onChange={(event) => set({ spentOn: event.target.value })} />
            )}
          </Field>
          <Field label="Category" error={shown['/category']} className="grow">
            {(control) => (
              <input
                {...control}
                className="input"
                list={listId}
                autoComplete="off"
                placeholder="Optional"
                value={fields.category}
                onChange={(event) => set({ category: event.target.value })}
              />
            )}
          </Field>
        </div>
        <datalist id={listId}>
          {categories.map((category) => (
            <option key={category} value={category} />
          ))}
        </datalist>
      </fieldset>
      <div className="form-actions">{actions}</div>
    </form>
  );
}

const KNOWN: readonly string[] = ['/description', '/amountMinor', '/currency', '/spentOn', '/category'];
