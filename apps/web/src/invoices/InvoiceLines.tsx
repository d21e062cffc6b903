import { Plus, X } from 'lucide-react';
import { useEffect, useRef, type KeyboardEvent } from 'react';
import { formatMoney } from '../money/money.ts';
import type { FieldErrors } from '../records/field-errors.ts';
import { Button } from '../ui/Button.tsx';
import { Field } from '../ui/Field.tsx';
import { emptyLine, type LineFields } from './invoice-fields.ts';

interface InvoiceLinesProps {
  lines: readonly LineFields[];
  currency: string;
  errors: FieldErrors;
  nets: ReadonlyMap<string, number>;
  readOnly: boolean;
  onChange: (lines: readonly LineFields[]) => void;
}

/** The fields of a line, in the order in which Tab visits them. */
const COLUMNS = [
  { name: 'description', label: 'Description', pointer: 'description', mode: 'text' },
  { name: 'quantity', label: 'Quantity', pointer: 'quantity', mode: 'numeric' },
  { name: 'unitPrice', label: 'Unit price', pointer: 'unitPriceMinor', mode: 'decimal' },
  { name: 'taxRate', label: 'Tax %', pointer: 'taxRateBp', mode: 'decimal' },
] as const;

export function InvoiceLines({ lines, currency, errors, nets, readOnly, onChange }: InvoiceLinesProps) {
  const body = useRef<HTMLDivElement>(null);
  /** Where the focus goes after the next render: a cell, by line and column. */
  const focusNext = useRef<{ line: number; column: number } | null>(null);
  useEffect(() => {
    const target = focusNext.current;
    if (target === null) return;
    focusNext.current = null;
    cell(body.current, target.line, target.column)?.focus();
  });

  const add = () => {
    focusNext.current = { line: lines.length, column: 0 };
    onChange([...lines, emptyLine(lines.at(-1)?.taxRate)]);
  };
  const remove = (index: number) => {
    focusNext.current = { line: Math.min(index, lines.length - 2), column: 0 };
    onChange(lines.filter((_, at) => at !== index));
  };
  const change = (index: number, name: keyof LineFields, value: string) =>
    onChange(lines.map((line, at) => (at === index ? { ...line, [name]: value } : line)));

  /** Enter goes down a column, and makes a line at its end; arrows go up and down. */
  const onKeyDown = (event: KeyboardEvent, line: number, column: number) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.nativeEvent.isComposing) return;
    if (event.key === 'Enter' && line === lines.length - 1) add();
    else if (event.key === 'Enter' || event.key === 'ArrowDown') cell(body.current, line + 1, column)?.focus();
    else if (event.key === 'ArrowUp') cell(body.current, line - 1, column)?.focus();
    else return;
    event.preventDefault();
  };
  return (
    <div className="lines" role="group" aria-label="Lines">
      <div className="line line-head" aria-hidden>
        {COLUMNS.map(({ name, label }) => (
          <span key={name}>{label}</span>
        ))}
        <span>Net</span>
        <span />
      </div>
      <div ref={body}>
        {lines.map((line, index) => (
          <div key={line.key} className="line" role="group" aria-label={`Line ${index + 1}`} data-line={index}>
            {COLUMNS.map(({ name, label, pointer, mode }, column) => (
              <Field key={name} label={label} hideLabel error={errors[`/lines/${index}/${pointer}`]} className={`line-${name}`}>
                {(control) => (
                  <input
                    {...control}
                    className={mode === 'text' ? 'input' : 'input numeric'}
                    inputMode={mode}
                    autoComplete="off"
                    placeholder={label}
                    data-column={column}
                    value={line[name]}
                    onChange={(event) => change(index, name, event.target.value)}
                    onKeyDown={(event) => onKeyDown(event, index, column)}
                  />
                )}
              </Field>
            ))}
            <output className="line-net numeric" aria-label="Net">
              {netText(nets.get(line.key), currency)}
            </output>
            {!readOnly && (
              <button type="button" className="icon-button" aria-label={`Remove line ${index + 1}`} onClick={() => remove(index)}>
                <X size={16} aria-hidden />
              </button>
            )}
          </div>
        ))}
      </div>
      {lines.length === 0 && <p className="lines-empty">No lines yet.</p>}
      {!readOnly && (
        <Button variant="quiet" icon={Plus} onClick={add}>
          Add line
        </Button>
      )}
    </div>
  );
}

function cell(body: HTMLElement | null, line: number, column: number): HTMLElement | null {
  return body?.querySelector<HTMLElement>(`[data-line="${line}"] [data-column="${column}"]`) ?? null;
}

function netText(net: number | undefined, currency: string): string {
  return net === undefined ? '–' : formatMoney(net, currency);
}
