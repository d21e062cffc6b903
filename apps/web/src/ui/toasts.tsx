import { CircleCheck, Info, TriangleAlert, X } from 'lucide-react';
import { useEffect } from 'react';
import { Link } from 'wouter';
import { createStore, useReadable } from '../app/store.ts';

export type ToastTone = 'info' | 'good' | 'bad';

interface Toast {
  id: number;
  tone: ToastTone;
  text: string;
  /** Where one can do something about it. */
  link: ToastLink | null;
}

interface ToastLink {
  href: string;
  label: string;
}

/** Long enough to read a sentence; bad news longer. */
const SHOWN_MS = 5_000;
const BAD_SHOWN_MS = 12_000;

const toasts = createStore<readonly Toast[]>([]);
let lastId = 0;

/** Says something in passing. What must not be missed belongs on the page. */
export function toast(text: string, tone: ToastTone = 'info', link: ToastLink | null = null): void {
  lastId += 1;
  const others = toasts.get().filter((other) => other.text !== text);
  toasts.set([...others.slice(-2), { id: lastId, tone, text, link }]);
}

function dismiss(id: number): void {
  toasts.set(toasts.get().filter((other) => other.id !== id));
}

const ICONS = { info: Info, good: CircleCheck, bad: TriangleAlert };

export function Toasts() {
  const shown = useReadable(toasts);
  return (
    <div className="toasts" role="status" aria-live="polite">
      {shown.map((one) => (
        <ToastCard key={one.id} toast={one} />
      ))}
    </div>
  );
}

function ToastCard({ toast: { id, tone, text, link } }: { toast: Toast }) {
  const Icon = ICONS[tone];
  useEffect(() => {
    const timer = setTimeout(() => dismiss(id), tone === 'bad' ? BAD_SHOWN_MS : SHOWN_MS);
    return () => clearTimeout(timer);
  }, [id, tone]);
  return (
    <div className={`toast toast-${tone}`}>
      <Icon size={18} aria-hidden />
      <p>{text}</p>
      {link !== null && (
        <Link className="link" href={link.href} onClick={() => dismiss(id)}>
          {link.label}
        </Link>
      )}
      <button type="button" className="icon-button" aria-label="Dismiss" onClick={() => dismiss(id)}>
        <X size={16} aria-hidden />
      </button>
    </div>
  );
}
