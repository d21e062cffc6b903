import { ArrowLeft } from 'lucide-react';
import { useState, type ReactNode } from 'react';
import type { OverlaidRecord, RecordSyncStatus } from 'offline-web';
import { Link, useLocation } from 'wouter';
import type { InvoiceData } from '../generated/erp.ts';
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
import { InvoiceForm } from './InvoiceForm.tsx';
import { emptyLine, invoiceFields, type InvoiceContent } from './invoice-fields.ts';

/** One invoice draft; `new` for one that is to be. */
export function InvoiceEditor({ id, list }: { id: string; list: Records<InvoiceData> }) {
  if (id === 'new') return <NewInvoice currency={list.records.at(-1)?.data.currency ?? 'EUR'} />;
  const invoice = list.records.find((one) => one.id === id);
  if (invoice !== undefined) return <ExistingInvoice invoice={invoice} />;
  return <RecordMissing noun="invoice" back="/invoices" list={list} />;
}

function Frame({ title, sync, children }: { title: string; sync?: RecordSyncStatus; children: ReactNode }) {
  return (
    <section className="editor" aria-label={title}>
      <Link className="back-link" href="/invoices">
        <ArrowLeft size={16} aria-hidden />
        Invoices
      </Link>
      <header className="panel-header">
        <h1>{title}</h1>
        {sync !== undefined && <SyncBadge status={sync} />}
      </header>
      {children}
    </section>
  );
}

function NewInvoice({ currency }: { currency: string }) {
  const [, navigate] = useLocation();
  const { run, busy, errors } = useErpCommand('INVOICE_DRAFT_CREATE_V1');
  const [invoiceId] = useState(newId);
  const [initial] = useState(() => ({ ...invoiceFields({ currency }), lines: [emptyLine()] }));
  const save = async (content: InvoiceContent) => {
    if (await run({ invoiceId, ...content })) navigate(`/invoices/${invoiceId}`, { replace: true });
  };
  return (
    <Frame title="New invoice">
      <InvoiceForm
        initial={initial}
        errors={errors}
        autoFocus
        onSave={(content) => void save(content)}
        actions={() => (
          <>
            <Button type="submit" variant="primary" busy={busy}>
              Save draft
            </Button>
            <Link className="button button-quiet" href="/invoices">
              Cancel
            </Link>
          </>
        )}
      />
    </Frame>
  );
}

function ExistingInvoice({ invoice }: { invoice: OverlaidRecord<InvoiceData> }) {
  const { id, sync } = invoice;
  const { base, changedMeanwhile, onDirty, release } = useHeldRecord(invoice);
  const { run, busy, errors } = useErpCommand('INVOICE_DRAFT_UPDATE_V1');
  const fixed = sync === 'conflict' || sync === 'failed' || sync === 'held';
  const save = async (content: InvoiceContent) => {
    if (await run({ invoiceId: id, ...changedContent(base.data, content) }, { expected: base.expected })) release();
  };
  return (
    <Frame title={invoice.data.customer} sync={sync}>
      <ParkedNotice kind="invoice" id={id} />
      {changedMeanwhile && <ChangedMeanwhile onRelease={release} />}
      <InvoiceForm
        key={JSON.stringify([base.data, fixed])}
        initial={invoiceFields(base.data)}
        errors={errors}
        readOnly={fixed}
        onDirty={onDirty}
        onSave={(content) => void save(content)}
        actions={(dirty) =>
          !fixed && (
            <Button type="submit" variant={dirty ? 'primary' : 'plain'} busy={busy} disabled={!dirty}>
              Save changes
            </Button>
          )
        }
      />
      <RecordFooter record={invoice} />
    </Frame>
  );
}

/** Only what differs. */
function changedContent(before: InvoiceData, after: InvoiceContent): Partial<InvoiceContent> {
  const plain = before.lines.map(({ description, quantity, unitPriceMinor, taxRateBp }) => ({ description, quantity, unitPriceMinor, taxRateBp }));
  return {
    ...(before.customer === after.customer ? {} : { customer: after.customer }),
    ...(before.currency === after.currency ? {} : { currency: after.currency }),
    ...(JSON.stringify(plain) === JSON.stringify(after.lines) ? {} : { lines: after.lines }),
  };
}
