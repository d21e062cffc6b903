import type { Conflict } from 'offline-protocol';
import type { OutboxEntry } from 'offline-web';
import { usePartition } from '../session/PartitionContext.tsx';
import { formatMoment } from '../ui/time.ts';
import { commandVerb } from './describe.ts';
import { shownFields } from './record-fields.ts';

interface ConflictCompareProps {
  entry: OutboxEntry;
  conflict: Conflict;
}

const REASONS: Readonly<Record<Conflict['reason'], string>> = {
  'version-conflict': 'It was changed on the server after you saw it.',
  'already-exists': 'The server already has a record of this name.',
  deleted: 'It was deleted on the server.',
};

/** The record with one's own change on top, as the handler makes it, beside the server's; what differs stands out. */
export function ConflictCompare({ entry, conflict }: ConflictCompareProps) {
  const { preview } = usePartition();
  const { kind, serverSnapshot, changedBy, changedAt } = conflict;
  const server = shownFields(kind, serverSnapshot);
  const base = serverSnapshot === null || conflict.reason === 'already-exists' ? null : { data: serverSnapshot, version: conflict.serverVersion };
  const merged = preview.of(conflict, base, entry.type, entry.payload);
  const own = shownFields(kind, merged ?? entry.payload, serverSnapshot);
  const said = shownFields(kind, entry.payload, serverSnapshot);
  const rows = server.map(({ label, text }, index) => {
    const yours = said[index]?.text ?? own[index]?.text ?? text;
    return { label, server: text, yours, changed: said[index]?.text !== undefined, differs: yours !== text };
  });
  return (
    <section className="compare" aria-label="Both versions">
      <p className="compare-reason">{REASONS[conflict.reason]}</p>
      <table>
        <thead>
          <tr>
            <td />
            <th scope="col">
              Yours
              <small>
                {commandVerb(entry.type)}, {formatMoment(entry.createdAt)}
              </small>
            </th>
            <th scope="col">
              Server’s
              <small>
                {changedBy}, {formatMoment(changedAt)}, version {conflict.serverVersion}
              </small>
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map(({ label, server: theirs, yours, changed, differs }) => (
            <tr key={label} className={differs ? 'compare-differs' : undefined}>
              <th scope="row">
                {label}
                {differs && <span className="visually-hidden"> differs</span>}
              </th>
              <td data-label="Yours">
                {yours ?? '–'}
                {changed && <small>changed by you</small>}
              </td>
              <td data-label="Server’s">{serverSnapshot === null ? 'Deleted' : (theirs ?? '–')}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
