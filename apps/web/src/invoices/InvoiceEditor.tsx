import { ArrowLeft } from 'lucide-react';
import type { ReactNode } from 'react';
import type { OverlaidRecord, RecordSyncStatus } from 'offline-web';
import { Link } from 'wouter';
import type { InvoiceData } from '../generated/erp.ts';
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
import { InvoiceForm } from './InvoiceForm.tsx';
import { emptyLine, invoiceFields, type InvoiceContent, type InvoiceFields } from './invoice-fields.ts';

interface InvoiceEditorProps {
  /** Of a new one: the id that it is going to have. */
  id: string;
  /** Whether the address asks for a new one. */
  isNew: boolean;
  list: Records<InvoiceData>;
}

/** One invoice draft, or one that is to be: the same form before and after it is made. */
export function InvoiceEditor({ id, isNew, list }: InvoiceEditorProps) {
  const invoice = list.records.find((one) => one.id === id);
  const empty = { ...invoiceFields({ currency: list.records.at(-1)?.data.currency ?? 'EUR' }), lines: [emptyLine()] };
  const draft = useDraft<InvoiceContent, InvoiceFields>(invoiceFields, id, invoice, empty);
  if (draft.base === null && !isNew) return <RecordMissing noun="invoice" back="/invoices" list={list} />;
  return <Editor id={id} invoice={invoice} draft={draft} />;
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

interface EditorProps {
  id: string;
  /** Absent while this device does not show it yet. */
  invoice: OverlaidRecord<InvoiceData> | undefined;
  draft: DraftForm<InvoiceContent, InvoiceFields>;
}

function Editor({ id, invoice, draft }: EditorProps) {
  const { base, dirty, saving } = draft;
  const { made, cancel } = useNewRecord('invoice', id, '/invoices');
  const create = useErpCommand('INVOICE_DRAFT_CREATE_V1');
  const update = useErpCommand('INVOICE_DRAFT_UPDATE_V1');
  const fixed = invoice?.sync === 'conflict' || invoice?.sync === 'failed' || invoice?.sync === 'held';
  const save = async (content: InvoiceContent) => {
    if (base === null) {
      if (await draft.save(content, () => create.run({ invoiceId: id, ...content }))) made();
      return;
    }
    const payload = changedContent(base.data, content);
    if (payload === null) draft.release();
    else await draft.save({ ...base.data, ...content }, () => update.run({ invoiceId: id, ...payload }, { expected: base.expected }));
  };
  const buttons =
    base === null ? (
      <>
        <Button type="submit" variant="primary" busy={saving}>
          Save draft
        </Button>
        <Button variant="quiet" onClick={cancel}>
          Cancel
        </Button>
      </>
    ) : (
      <>
        <Button type="submit" variant={dirty ? 'primary' : 'plain'} busy={saving} disabled={!dirty}>
          Save changes
        </Button>
        {dirty && !saving && (
          <Button variant="quiet" onClick={draft.release}>
            Undo
          </Button>
        )}
      </>
    );
  return (
    <Frame title={base === null ? 'New invoice' : base.data.customer} sync={invoice?.sync}>
      {base !== null && <ParkedNotice kind="invoice" id={id} />}
      {draft.changedMeanwhile && <ChangedMeanwhile onRelease={draft.release} />}
      <InvoiceForm
        fields={draft.fields}
        onChange={draft.type}
        errors={{ ...update.errors, ...create.errors }}
        readOnly={fixed}
        autoFocus={base === null}
        onSave={(content) => void save(content)}
        actions={!fixed && buttons}
      />
      {invoice !== undefined && <RecordFooter record={invoice} />}
    </Frame>
  );
}

/** Only what differs; null when nothing does. */
function changedContent(before: InvoiceContent, after: InvoiceContent): Partial<InvoiceContent> | null {
  const plain = before.lines.map(({ description, quantity, unitPriceMinor, taxRateBp }) => ({ description, quantity, unitPriceMinor, taxRateBp }));
  const changed = {
    ...(before.customer === after.customer ? {} : { customer: after.customer }),
    ...(before.currency === after.currency ? {} : { currency: after.currency }),
    ...(JSON.stringify(plain) === JSON.stringify(after.lines) ? {} : { lines: after.lines }),
  };
  return Object.keys(changed).length === 0 ? null : changed;
}
