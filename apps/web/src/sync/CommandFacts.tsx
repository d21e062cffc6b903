import type { OutboxEntry } from 'offline-web';
import { formatMoment } from '../ui/time.ts';

/** What one would tell support. */
export function CommandFacts({ entry }: { entry: OutboxEntry }) {
  const { seq, type, createdAt, attempts, nextAttemptAt, commandId, clientTraceId, lastError } = entry;
  const facts: readonly [string, string][] = [
    ['Made', formatMoment(createdAt)],
    ['Sent', attempts === 0 ? 'Not yet' : attempts === 1 ? 'Once' : `${attempts} times`],
    ...(nextAttemptAt === null ? [] : [['Next try', formatMoment(nextAttemptAt)] as [string, string]]),
    ...(lastError === null ? [] : [['Last answer', `${lastError.title} (${lastError.code}), ${formatMoment(lastError.at)}`] as [string, string]]),
    ['Type', type],
    ['Place in the outbox', String(seq)],
    ['Command', commandId],
    ['Trace', clientTraceId],
  ];
  return (
    <details className="facts">
      <summary>Details</summary>
      <dl>
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </details>
  );
}
