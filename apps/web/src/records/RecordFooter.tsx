import type { OverlaidRecord } from 'offline-web';
import { formatMoment } from '../ui/time.ts';

/** Who wrote the record last on the server, and what waits to be added to it. */
export function RecordFooter({ record }: { record: OverlaidRecord }) {
  const waiting = record.commandIds.length;
  return (
    <footer className="record-footer">
      {record.updatedAt === null ? (
        <p>Kept on this device{waiting > 1 && `, with ${waiting} changes`}; the server does not have it yet.</p>
      ) : (
        <p>
          Version {record.version}, last changed by {record.updatedBy} on {formatMoment(record.updatedAt)}
        </p>
      )}
      {record.updatedAt !== null && waiting > 0 && <p>Shown with {waiting === 1 ? 'one change' : `${waiting} changes`} of yours that the server does not have.</p>}
    </footer>
  );
}
