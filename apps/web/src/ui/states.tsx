import type { LucideIcon } from 'lucide-react';
import { TriangleAlert } from 'lucide-react';
import type { ReactNode } from 'react';

interface EmptyStateProps {
  icon: LucideIcon;
  title: string;
  children?: ReactNode;
  action?: ReactNode;
}

/** What a list says when there is nothing in it. */
export function EmptyState({ icon: Icon, title, children, action }: EmptyStateProps) {
  return (
    <div className="empty">
      <span className="empty-icon">
        <Icon size={22} aria-hidden />
      </span>
      <h2>{title}</h2>
      {children !== undefined && <p>{children}</p>}
      {action}
    </div>
  );
}

/** Rows that stand for what is being loaded. */
export function SkeletonRows({ count = 8, label }: { count?: number; label: string }) {
  return (
    <div className="skeleton-rows" role="status" aria-label={label}>
      {Array.from({ length: count }, (_, index) => (
        <div key={index} className="skeleton-row">
          <span style={{ width: `${34 + ((index * 17) % 30)}%` }} />
          <span style={{ width: '12%' }} />
          <span style={{ width: '9%' }} />
        </div>
      ))}
    </div>
  );
}

/** A sentence about something that is wrong, where it is wrong. */
export function Notice({ tone = 'bad', title, children, action }: { tone?: 'bad' | 'warn' | 'info'; title?: string; children?: ReactNode; action?: ReactNode }) {
  return (
    <div className={`notice notice-${tone}`} role={tone === 'bad' ? 'alert' : undefined}>
      <TriangleAlert size={18} aria-hidden />
      <div className="notice-text">
        {title !== undefined && <strong>{title}</strong>}
        {children !== undefined && <div>{children}</div>}
      </div>
      {action}
    </div>
  );
}
