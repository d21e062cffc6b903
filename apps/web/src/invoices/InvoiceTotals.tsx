import type { InvoiceData } from '../generated/erp.ts';
import { formatMoney, percentText } from '../money/money.ts';

/** What the lines come to, as the handler worked it out. */
export function InvoiceTotals({ invoice, currency }: { invoice: InvoiceData | null; currency: string }) {
  if (invoice === null) return <p className="totals-none muted">The totals appear when the lines can be added up.</p>;
  const money = (minor: number) => formatMoney(minor, currency);
  return (
    <dl className="totals" aria-label="Totals">
      <div>
        <dt>Net</dt>
        <dd className="numeric">{money(invoice.netMinor)}</dd>
      </div>
      {invoice.taxes.map((tax) => (
        <div key={tax.taxRateBp}>
          <dt>
            Tax {percentText(tax.taxRateBp)} % of {money(tax.netMinor)}
          </dt>
          <dd className="numeric">{money(tax.taxMinor)}</dd>
        </div>
      ))}
      <div className="totals-sum">
        <dt>Total</dt>
        <dd className="numeric">{money(invoice.totalMinor)}</dd>
      </div>
    </dl>
  );
}
