import type { OutboxEntry } from 'offline-web';
import { byPointer } from '../records/field-errors.ts';
import { useServerRecord } from '../records/useRecords.ts';
import { Button } from '../ui/Button.tsx';
import { Notice } from '../ui/states.tsx';
import { isEditable, PayloadEditor } from './PayloadEditor.tsx';
import { useRetry } from './useRetry.ts';

/** Why the server refused it, at the fields where it says so, and the ways on. */
export function ResolveFailure({ entry, onDiscard }: { entry: OutboxEntry; onDiscard: () => void }) {
  const retry = useRetry(entry);
  const key = entry.touches[0];
  const base = useServerRecord(key?.kind ?? '', key?.id ?? '')?.data ?? null;
  const problem = entry.lastError?.problem ?? null;
  const refused = byPointer(problem?.errors ?? []);
  const errors = { ...refused, ...retry.errors };
  const title = problem?.title ?? entry.lastError?.title ?? 'The server refused it';
  return (
    <>
      <Notice title={title}>{problem?.detail ?? 'Nothing of it took effect. Correct it and send it again, or discard it.'}</Notice>
      {isEditable(entry.type) ? (
        <PayloadEditor
          entry={entry}
          base={base}
          busy={retry.busy}
          errors={errors}
          onSave={(payload) => void retry.run(payload)}
          actions={
            <>
              <Button type="submit" variant="primary" busy={retry.busy}>
                Save and retry
              </Button>
              <Button variant="danger" onClick={onDiscard}>
                Discard
              </Button>
            </>
          }
        />
      ) : (
        <>
          {retry.errors[''] !== undefined && <Notice>{retry.errors['']}</Notice>}
          <div className="form-actions">
            <Button variant="primary" busy={retry.busy} onClick={() => void retry.run()}>
              Retry
            </Button>
            <Button variant="danger" onClick={onDiscard}>
              Discard
            </Button>
          </div>
        </>
      )}
    </>
  );
}
